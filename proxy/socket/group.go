package socket

import (
	"time"

	"github.com/webordinary/warmgate/session"
)

// maxSpread bounds the time over which the tabs of one session are reloaded.
const maxSpread = 3 * time.Second

// group is the sockets of one session, and who watches its backend for them.
type group struct {
	hub  *Hub
	live *session.Live
	// members is guarded by the hub's mutex.
	members map[*socket]struct{}
	// poked tells that a socket was opened; empty is closed when the last left.
	poked chan struct{}
	empty chan struct{}
}

func newGroup(h *Hub, l *session.Live) *group {
	return &group{
		hub: h, live: l.Retain(),
		members: make(map[*socket]struct{}),
		poked:   make(chan struct{}, 1),
		empty:   make(chan struct{}),
	}
}

// watch has the sockets follow the backend until none is left.
func (g *group) watch() {
	defer g.live.Release()
	for {
		b, changed := g.live.Backend()
		g.follow(b)
		select {
		case <-changed:
		case <-g.poked:
		case <-g.empty:
			return
		}
	}
}

// follow hands the snapshot to every socket; reloads are staggered.
func (g *group) follow(b *session.Backend) {
	var delay time.Duration
	for _, s := range g.sockets() {
		if s.follow(b, delay) {
			delay = min(delay+g.hub.options.ReloadStagger, maxSpread)
		}
	}
}

func (g *group) sockets() []*socket {
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	all := make([]*socket, 0, len(g.members))
	for s := range g.members {
		all = append(all, s)
	}
	return all
}

// poke has the watcher look at the sockets once more.
func (g *group) poke() {
	select {
	case g.poked <- struct{}{}:
	default:
	}
}
