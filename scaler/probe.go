package scaler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Probe says how a task is asked whether its site answers.
type Probe struct {
	// Path is asked for with GET; a template with {base}, {session} and
	// {client}. Empty means "{base}".
	Path string
	// Host is the Host header, best the one of real requests. Empty means the
	// target's address.
	Host string
}

// ProbeUserAgent marks the requests that ask for readiness.
const ProbeUserAgent = "warmgate-health/1"

// BlockedHostError tells that the dev server answers, but not to this Host.
type BlockedHostError struct {
	Host string
}

// Error implements error, with what to do about it.
func (e *BlockedHostError) Error() string {
	return fmt.Sprintf("the dev server refuses the host %q: add it to vite.server.allowedHosts in the site's astro.config "+
		"(or start it with --allowed-hosts), or set host: upstream on the route", e.Host)
}

// Unwrap makes errors.Is(err, session.ErrStartFailed) true.
func (e *BlockedHostError) Unwrap() error { return session.ErrStartFailed }

// DialFunc opens a connection to an address that a driver gave.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// A dev server may hold its first answer for seconds, so that each try waits
// longer than the one before, and there is one try at a time.
const (
	firstProbeTimeout = 10 * time.Second
	firstProbePause   = 100 * time.Millisecond
	longestProbePause = 250 * time.Millisecond
	probeBodyLimit    = 64 << 10
)

// prober asks sites whether they answer.
type prober struct {
	transport *http.Transport
}

func newProber(dial DialFunc) *prober {
	return &prober{transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true}}
}

// question is where and how to ask; addr may change between two tries.
type question struct {
	addr func() string
	path string
	host string
	// accepted is called when the address has accepted a connection.
	accepted func()
}

// await asks until the site answers and returns nil. When ctx ends it returns
// what it waited for last; a *BlockedHostError ends it at once.
func (p *prober) await(ctx context.Context, q question) error {
	timeout, pause := firstProbeTimeout, firstProbePause
	for {
		err := p.ask(ctx, q, timeout)
		if err == nil {
			return nil
		}
		if _, blocked := errors.AsType[*BlockedHostError](err); blocked {
			return err
		}
		if errors.Is(err, context.DeadlineExceeded) {
			timeout *= 2
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(pause*11/10, longestProbePause)
		}
	}
}

// ask asks once. Any complete answer of the site means that it is ready, an
// error page of the dev server too: that is what the person wants to see.
func (p *prober) ask(ctx context.Context, q question, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { q.accepted() },
	})
	req, err := q.request(ctx)
	if err != nil {
		return err
	}
	resp, err := p.transport.RoundTrip(req) // follows no redirects
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, probeBodyLimit))
	if err != nil {
		return fmt.Errorf("the answer broke off: %w", err)
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("it answers %s", resp.Status)
	case http.StatusForbidden:
		if bytes.Contains(body, []byte("Blocked request")) { // Vite's host check
			return &BlockedHostError{Host: req.Host}
		}
	}
	return nil
}

func (q question) request(ctx context.Context) (*http.Request, error) {
	addr := q.addr()
	u := url.URL{Scheme: "http", Host: addr}
	ref, err := url.Parse(q.path)
	if err != nil {
		return nil, err
	}
	u.Path, u.RawPath, u.RawQuery = ref.Path, ref.RawPath, ref.RawQuery
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Host = q.host
	if req.Host == "" {
		req.Host = addr
	}
	req.Header.Set("User-Agent", ProbeUserAgent)
	req.Header.Set("Accept", "text/html")
	return req, nil
}

// accepts reports whether the address accepts a connection within limit, tried
// again and again.
func (p *prober) accepts(ctx context.Context, addr string, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		conn, err := p.transport.DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(longestProbePause):
		}
	}
}
