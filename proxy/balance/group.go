package balance

import (
	"iter"
	"sync/atomic"

	"github.com/webordinary/warmgate/proxy/route"
)

// Group is a set of targets that share requests. Safe for concurrent use.
type Group struct {
	balancer *Balancer
	name     string
	next     atomic.Uint64
	lineup   atomic.Pointer[lineup]

	// Guarded by Balancer.mu:
	config  route.Upstream
	targets []*Target
}

// lineup is what a group's requests are shared among now. It does not change.
type lineup struct {
	targets []*Target
	least   bool
}

// InTurn yields each target that may be asked once: first the one that the
// algorithm chooses, then those to try if it cannot be reached. If none is
// healthy, all are yielded (fail open, as an ALB does).
func (g *Group) InTurn() iter.Seq[*Target] {
	return func(yield func(*Target) bool) {
		l := g.lineup.Load()
		n := uint64(len(l.targets))
		if n == 0 {
			return
		}
		first := (g.next.Add(1) - 1) % n
		if l.least {
			first = l.leastLoaded(first)
		}
		for i := range n {
			if !yield(l.targets[(first+i)%n]) {
				return
			}
		}
	}
}

// leastLoaded returns the place of the target with the fewest requests under way,
// of several the first from from on.
func (l *lineup) leastLoaded(from uint64) uint64 {
	n := uint64(len(l.targets))
	best, fewest := from, l.targets[from].outstanding.Load()
	for i := uint64(1); i < n && fewest > 0; i++ {
		at := (from + i) % n
		if load := l.targets[at].outstanding.Load(); load < fewest {
			best, fewest = at, load
		}
	}
	return best
}

// publish makes the group's lineup from its targets' states. Balancer.mu is held.
func (g *Group) publish() {
	l := &lineup{least: g.config.Algorithm == route.LeastOutstanding}
	for _, t := range g.targets {
		if t.usable() {
			l.targets = append(l.targets, t)
		}
	}
	if len(l.targets) == 0 {
		l.targets = append(l.targets, g.targets...)
	}
	g.lineup.Store(l)
}
