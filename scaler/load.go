package scaler

import (
	"context"
	"time"
)

// CPUFunc returns the average CPU utilisation of the tasks of a group, in percent;
// ok is false if nothing is known of it. Of the spec, Pool, Key and, if the key
// has {client}, ClientID are set.
type CPUFunc func(ctx context.Context, group TaskSpec) (percent float64, ok bool, err error)

// loadInterval is how often the CPU utilisation is read.
const loadInterval = time.Minute

// watchLoad reads the CPU utilisation of the pool's groups again and again until
// ctx ends.
func (s *Scaler) watchLoad(ctx context.Context, p *pool) {
	if p.CPU == nil || p.CPUAbove == 0 {
		return
	}
	jittered(ctx, loadInterval, func(ctx context.Context) {
		for _, g := range s.loaded(p) {
			s.readLoad(ctx, g)
		}
	})
}

// loaded returns the groups in which the load matters: some task serves some
// session. What was asked for in the others is forgotten. One replica at a time
// reads the load, as it is the one that would stop the tasks again.
func (s *Scaler) loaded(p *pool) []*group {
	s.mu.Lock()
	defer s.mu.Unlock()
	var groups []*group
	for _, g := range p.groups {
		if s.leads() && len(g.sessions) > 0 && g.usable() > 0 {
			groups = append(groups, g)
		} else {
			g.load = 0
		}
	}
	return groups
}

// readLoad reads the CPU utilisation of one group and notes how many tasks it
// asks for. Nothing known changes nothing.
func (s *Scaler) readLoad(ctx context.Context, g *group) {
	percent, ok, err := g.pool.CPU(ctx, g.spec())
	if err != nil && ctx.Err() == nil {
		s.log.Warn("cannot read the CPU utilisation", "pool", g.pool.Name, "key", g.key, "error", err)
	}
	if err != nil || !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	have := g.usable() + len(g.strangers())
	load := g.pool.policy.load(percent, have)
	if load > have && !g.steady(time.Now()) {
		return
	}
	if load > max(have, g.load) {
		s.log.Info("load asks for another task", "pool", g.pool.Name, "key", g.key, "cpu_percent", percent, "tasks", load)
	}
	g.load = load
}

// steady reports whether all tasks of the group have been there for the cooldown,
// so that a load on them is what it is going to be. s.mu is held.
func (g *group) steady(now time.Time) bool {
	for t := range g.tasks {
		if t.stage == starting || t.stage == ready && now.Sub(t.readyAt) < g.pool.Cooldown {
			return false
		}
	}
	for _, v := range g.strangers() {
		if v.State == TaskPending || now.Sub(v.since) < g.pool.Cooldown {
			return false
		}
	}
	return true
}
