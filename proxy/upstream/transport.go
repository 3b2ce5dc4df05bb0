package upstream

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Options of a [Transport]. The zero value of every field is usable.
type Options struct {
	// Dial connects to an upstream. Nil means a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// DialTimeout bounds the connection's set-up. Zero means 10 s, as an ALB's.
	DialTimeout time.Duration
	// ResponseTimeout bounds the wait for the answer's header once the request
	// is sent. Zero means 60 s.
	ResponseTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept. Zero means 4 s: Node
	// closes them after 5, and a request on a dying one would be lost.
	IdleTimeout time.Duration
	// MaxIdlePerHost bounds unused connections to one address. Zero means 1024.
	MaxIdlePerHost int
	// MaxHeaderBytes bounds the header of an answer. Zero means 64 KiB.
	MaxHeaderBytes int
}

func (o Options) withDefaults() Options {
	setDefault(&o.DialTimeout, 10*time.Second)
	setDefault(&o.ResponseTimeout, 60*time.Second)
	setDefault(&o.IdleTimeout, 4*time.Second)
	setDefault(&o.MaxIdlePerHost, 1024)
	setDefault(&o.MaxHeaderBytes, 64<<10)
	if o.Dial == nil {
		o.Dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	return o
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Transport is an http.RoundTripper. It uses no proxy of the environment, adds no
// Accept-Encoding, decompresses nothing and follows nothing. Safe for concurrent
// use.
type Transport struct {
	options Options
	general *http.Transport

	open openConns

	mu       sync.Mutex
	idle     map[string][]*conn // by address, the one used last at the end
	sweeping bool
}

var _ http.RoundTripper = (*Transport)(nil)

// New returns a Transport without connections.
func New(o Options) *Transport {
	o = o.withDefaults()
	t := &Transport{options: o, idle: map[string][]*conn{}}
	t.general = &http.Transport{
		DialContext:            t.dial,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    o.MaxIdlePerHost,
		IdleConnTimeout:        o.IdleTimeout,
		TLSHandshakeTimeout:    o.DialTimeout,
		ResponseHeaderTimeout:  o.ResponseTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: int64(o.MaxHeaderBytes),
	}
	return t
}

// RoundTrip implements http.RoundTripper. A request that meets a connection which
// the other side has closed meanwhile is sent again on a new one, once.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !isPlain(req) {
		return t.general.RoundTrip(req)
	}
	addr := address(req.URL)
	if c := t.take(addr); c != nil {
		res, err := c.roundTrip(req)
		if err == nil {
			return res, nil
		}
		c.discard()
		if !c.wasStale(err) {
			return nil, err
		}
	}
	c, err := t.connect(req.Context(), addr)
	if err != nil {
		return nil, err
	}
	res, err := c.roundTrip(req)
	if err != nil {
		c.discard()
	}
	return res, err
}

// isPlain reports whether req needs nothing that http.Transport has and we have
// not.
func isPlain(req *http.Request) bool {
	if req.Method != http.MethodGet && req.Method != http.MethodHead ||
		req.URL.Scheme != "http" || req.Body != nil && req.Body != http.NoBody || len(req.Trailer) > 0 {
		return false
	}
	_, upgrade := req.Header["Upgrade"]
	_, expect := req.Header["Expect"]
	return !upgrade && !expect
}

// address is where to connect to for the host of a URL.
func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

func (t *Transport) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.options.DialTimeout)
	defer cancel()
	c, err := t.options.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return t.open.add(addr, c), nil
}

// Cut closes all connections to addr (host:port), those in use, too.
func (t *Transport) Cut(addr string) { t.open.cut(addr) }

func (t *Transport) connect(ctx context.Context, addr string) (*conn, error) {
	nc, err := t.dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return newConn(t, addr, nc), nil
}

// take returns the connection to addr that was used last, or nil.
func (t *Transport) take(addr string) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.idle[addr]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	list[len(list)-1] = nil
	t.idle[addr] = list[:len(list)-1]
	if time.Since(c.idleSince) >= t.options.IdleTimeout {
		_ = c.net.Close() // and all others are older; the sweep closes them
		return nil
	}
	return c
}

// put keeps an unused connection.
func (t *Transport) put(c *conn) {
	c.idleSince = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.idle[c.addr]) >= t.options.MaxIdlePerHost {
		_ = c.net.Close()
		return
	}
	t.idle[c.addr] = append(t.idle[c.addr], c)
	if !t.sweeping {
		t.sweeping = true
		time.AfterFunc(t.options.IdleTimeout, t.sweep)
	}
}

// sweep closes what was unused for too long, and comes again while anything is left.
func (t *Transport) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := time.Now().Add(-t.options.IdleTimeout)
	for addr, list := range t.idle {
		n := 0
		for n < len(list) && !list[n].idleSince.After(oldest) {
			_ = list[n].net.Close()
			n++
		}
		if n == len(list) {
			delete(t.idle, addr)
			continue
		}
		t.idle[addr] = append(list[:0], list[n:]...)
		clear(list[len(list)-n:])
	}
	if t.sweeping = len(t.idle) > 0; t.sweeping {
		time.AfterFunc(t.options.IdleTimeout/2, t.sweep)
	}
}

// CloseIdleConnections closes the connections that no request uses.
func (t *Transport) CloseIdleConnections() {
	t.general.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, list := range t.idle {
		for _, c := range list {
			_ = c.net.Close()
		}
	}
	clear(t.idle)
}
