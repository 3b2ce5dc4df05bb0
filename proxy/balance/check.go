package balance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
)

// UserAgent marks the requests that check a target's health.
const UserAgent = "warmgate-health/1"

// checkBodyLimit bounds what is read of a check's answer.
const checkBodyLimit = 64 << 10

// A target that has not been healthy yet is checked each quickInterval, for no
// longer than quickPeriod.
const (
	quickInterval = 500 * time.Millisecond
	quickPeriod   = 2 * time.Minute
)

// watch begins to check the target, if there is anything to do. b.mu is held.
func (b *Balancer) watch(t *Target) {
	if b.running == nil || t.check == nil || t.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(b.running)
	t.stop = stop
	b.checks.Go(func() {
		for {
			err := b.prober.ask(ctx, t)
			if ctx.Err() != nil {
				return
			}
			timer := time.NewTimer(b.learn(t, err))
			select {
			case <-timer.C:
			case <-t.recheck:
			case <-ctx.Done():
			}
			timer.Stop()
			if ctx.Err() != nil {
				return
			}
		}
	})
}

// learn takes over the outcome of a check and returns when the next one is due.
func (b *Balancer) learn(t *Target, err error) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := t.state
	if t.state != Draining { // a reload was faster
		t.count(err)
	}
	if t.state != before {
		t.group.publish()
		b.options.Logger.Info("target's health has changed", "upstream", t.group.name, "target", t.Addr,
			"state", string(t.state), "was", string(before), "error", err)
	}
	if !t.proven && time.Since(t.since) < quickPeriod {
		return min(quickInterval, t.check.Interval)
	}
	return t.check.Interval
}

// count counts one check. Balancer.mu is held.
func (t *Target) count(err error) {
	if err == nil {
		t.passed++
		t.failed = 0
		if t.state != Healthy && (!t.proven || t.passed >= t.check.HealthyThreshold) {
			t.state, t.reason, t.proven = Healthy, "", true
		}
		return
	}
	t.failed++
	t.passed = 0
	if t.state != Unhealthy && t.failed >= t.check.UnhealthyThreshold {
		t.state = Unhealthy
	}
	if t.state == Unhealthy {
		t.reason = reasonOf(err)
	}
}

// mismatchError: the target answered, but with another status than is wanted.
type mismatchError struct{ status int }

func (e *mismatchError) Error() string { return fmt.Sprintf("it answered with status %d", e.status) }

func reasonOf(err error) string {
	if _, ok := errors.AsType[*mismatchError](err); ok {
		return reasonMismatch
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return reasonTimeout
	}
	return reasonFailed
}

// prober makes the checks.
type prober struct{ transport *http.Transport }

func newProber(dial func(ctx context.Context, network, addr string) (net.Conn, error)) prober {
	return prober{&http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true}}
}

// ask makes one check: nil if the target passes it.
func (p prober) ask(ctx context.Context, t *Target) error {
	ctx, cancel := context.WithTimeout(ctx, t.check.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Scheme+"://"+checkedAddr(t)+t.check.Path, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", UserAgent)
	res, err := p.transport.RoundTrip(req) // follows no redirects
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, checkBodyLimit)); err != nil {
		return fmt.Errorf("its answer broke off: %w", err)
	}
	matcher, err := route.ParseMatcher(t.check.Matcher)
	if err != nil {
		return err
	}
	if !matcher.Has(res.StatusCode) {
		return &mismatchError{res.StatusCode}
	}
	return nil
}

// checkedAddr is where the check goes.
func checkedAddr(t *Target) string {
	host, port, err := net.SplitHostPort(t.dialAddr())
	if err != nil {
		return t.Addr
	}
	if t.check.Port != 0 {
		port = strconv.Itoa(t.check.Port)
	}
	return net.JoinHostPort(host, port)
}
