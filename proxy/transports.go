package proxy

import (
	"cmp"
	"sync"
	"time"

	"github.com/webordinary/warmgate/proxy/upstream"
)

// transports are the ways to upstreams: one for each time in which an answer has
// to begin, with connections of its own. Safe for concurrent use.
type transports struct {
	options upstream.Options
	mu      sync.Mutex
	list    map[time.Duration]*upstream.Transport
}

// within returns the transport with this response timeout; 0 means the general one.
func (t *transports) within(timeout time.Duration) *upstream.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list[timeout] == nil {
		o := t.options
		o.ResponseTimeout = cmp.Or(timeout, o.ResponseTimeout)
		if t.list == nil {
			t.list = map[time.Duration]*upstream.Transport{}
		}
		t.list[timeout] = upstream.New(o)
	}
	return t.list[timeout]
}

// cut closes all connections to addr (host:port), those in use, too.
func (t *transports) cut(addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, transport := range t.list {
		transport.Cut(addr)
	}
}

func (t *transports) closeIdle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, transport := range t.list {
		transport.CloseIdleConnections()
	}
}
