package proxy

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webordinary/warmgate/session"
)

// HoldOptions bound the requests that wait for a start.
type HoldOptions struct {
	// PageGrace is how long a navigation waits before it gets the warming page.
	// Zero means 750 ms.
	PageGrace time.Duration
	// Timeout is how long any other request is held. Zero means 50 s, below the
	// 60 s after which a load balancer in front gives up.
	Timeout time.Duration
	// PerSession, PerAddress and Total bound the held requests. Zero means 256,
	// 128 and 4096.
	PerSession, PerAddress, Total int
}

func (o HoldOptions) withDefaults() HoldOptions {
	setDefault(&o.PageGrace, 750*time.Millisecond)
	setDefault(&o.Timeout, 50*time.Second)
	setDefault(&o.PerSession, 256)
	setDefault(&o.PerAddress, 128)
	setDefault(&o.Total, 4096)
	return o
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// holds admits requests to wait. Safe for concurrent use.
type holds struct {
	total  atomic.Int64
	mu     sync.Mutex
	byAddr map[netip.Addr]int
}

func newHolds() *holds {
	return &holds{byAddr: make(map[netip.Addr]int)}
}

// enter takes a place for a request of this session and client address within the
// bounds, or returns a [*session.RefusedError]. Each place is given back with leave.
func (h *holds) enter(o *HoldOptions, l *session.Live, client netip.Addr) error {
	const retryAfter = 5 * time.Second
	if h.total.Add(1) > int64(o.Total) {
		h.total.Add(-1)
		return &session.RefusedError{What: "too many requests wait for sessions to start", RetryAfter: retryAfter}
	}
	if l.Waiters().Add(1) > o.PerSession {
		l.Waiters().Add(-1)
		h.total.Add(-1)
		return &session.RefusedError{What: "too many requests wait for this session to start", RetryAfter: retryAfter}
	}
	h.mu.Lock()
	full := h.byAddr[client] >= o.PerAddress
	if !full {
		h.byAddr[client]++
	}
	h.mu.Unlock()
	if full {
		l.Waiters().Add(-1)
		h.total.Add(-1)
		return &session.RefusedError{What: "too many requests of this address wait for sessions to start", RetryAfter: retryAfter}
	}
	return nil
}

func (h *holds) leave(l *session.Live, client netip.Addr) {
	l.Waiters().Add(-1)
	h.total.Add(-1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byAddr[client]--; h.byAddr[client] <= 0 {
		delete(h.byAddr, client)
	}
}

// await waits until the backend is ready, failed, ended, or asleep again after
// it was warming, and returns that snapshot. settled is false when the time or
// the client's patience (ctx) was over first.
func await(ctx context.Context, l *session.Live, timeout time.Duration) (b *session.Backend, settled bool) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		b, changed := l.Backend()
		if !b.Phase.Warming() {
			return b, true
		}
		select {
		case <-changed:
		case <-timer.C:
			return b, false
		case <-ctx.Done():
			return b, false
		}
	}
}
