package socket

import (
	"sync"
	"sync/atomic"

	"github.com/webordinary/warmgate/session"
)

// Hub owns the websockets of all sessions on this replica. Safe for concurrent
// use.
type Hub struct {
	options Options
	origins atomic.Pointer[origins]
	metrics metrics
	buffers bufferPools
	// running counts the sockets and the goroutines that watch their sessions.
	running sync.WaitGroup

	mu       sync.Mutex
	sockets  map[*socket]struct{}
	groups   map[*session.Live]*group
	open     map[Kind]int
	parked   int
	draining bool
}

// New returns a Hub without sockets. It panics if the options' registerer knows
// its metrics already.
func New(o Options) *Hub {
	h := &Hub{
		options: o.withDefaults(),
		sockets: make(map[*socket]struct{}),
		groups:  make(map[*session.Live]*group),
		open:    make(map[Kind]int),
	}
	h.SetOrigins(o.Origins)
	h.metrics = newMetrics(o.Registerer, h)
	return h
}

// enter admits s within the bounds, or says which one is reached.
func (h *Hub) enter(s *socket) *refusal {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.groups[s.live]
	switch {
	case h.draining:
		return refuseDraining()
	case len(h.sockets) >= h.options.MaxOpen:
		return refuseFull("full", "too many sockets are open")
	case g != nil && len(g.members) >= h.options.MaxPerSession:
		return refuseFull("session_full", "too many sockets of this session are open")
	}
	if g == nil && s.live != nil {
		g = newGroup(h, s.live)
		h.groups[s.live] = g
		h.running.Go(g.watch)
	}
	if g != nil {
		g.members[s] = struct{}{}
		s.group = g
	}
	h.sockets[s] = struct{}{}
	h.open[s.kind]++
	h.running.Add(1)
	return nil
}

// leave gives up the place that enter gave s, which goes on running.
func (h *Hub) leave(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sockets, s)
	h.open[s.kind]--
	if g := s.group; g != nil {
		delete(g.members, s)
		if len(g.members) == 0 {
			delete(h.groups, s.live)
			close(g.empty)
		}
	}
}

// reserveParked takes one of the places for parked sockets, if one is left.
func (h *Hub) reserveParked() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.parked >= h.options.MaxParked {
		return false
	}
	h.parked++
	return true
}

func (h *Hub) releaseParked() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parked--
}

func (h *Hub) isDraining() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

func (h *Hub) openOf(k Kind) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open[k]
}

func (h *Hub) parkedNow() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.parked
}
