package scaler

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/webordinary/warmgate/session"
)

// begin finds or starts a task for the session, whose record says that it is
// wanted, and sees the start through. free gives up the place kept for it.
func (s *Scaler) begin(e *tracked, rec session.Session, free func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	free()
	s.detach(e) // one of a generation before
	e.rec, e.err, e.caused = rec, nil, 0
	e.mode, e.began = warming, rec.Generation
	t := s.place(e)
	s.publish(e)
	s.seeThrough(e, t, rec.Generation)
}

// place assigns the best task of its group to the session, a new one if there is
// none (its place was reserved), and starts the further ones that the policy
// wants. s.mu is held.
func (s *Scaler) place(e *tracked) *task {
	g := e.pool.group(e.pool.spec(&e.rec, 0))
	t := g.choose()
	if found := g.strangers(); t == nil && !g.pool.dedicated && len(found) > 0 {
		t = s.found(g.pool, found[0].Task, false)
	}
	if t == nil {
		t = s.newTask(g, s.nextSpec(e))
	}
	s.assign(e, t)
	s.scaleOut(g, time.Now())
	return t
}

// nextSpec describes the next task that this start of the session causes. s.mu
// is held.
func (s *Scaler) nextSpec(e *tracked) TaskSpec {
	spec := e.pool.spec(&e.rec, e.caused)
	e.caused++
	return spec
}

// scaleOut starts the tasks that a shared group has too few of, as far as there
// is room. s.mu is held.
func (s *Scaler) scaleOut(g *group, now time.Time) {
	if g.pool.dedicated || now.Before(g.retryAt) {
		return
	}
	for missing := g.missing(now); missing > 0; missing-- {
		spec := g.furtherSpec(now)
		if s.room(g.pool, spec) != nil {
			return
		}
		s.newTask(g, spec)
	}
}

// keepWarm sees to it that the groups exist that have tasks before anybody comes.
// s.mu is held.
func (s *Scaler) keepWarm(p *pool, now time.Time) {
	tasks := p.warm.tasks(now)
	if tasks != p.warmTasks {
		s.log.Info("warm tasks change", "pool", p.Name, "tasks", tasks, "until", p.warm.change(now))
		p.warmTasks = tasks
	}
	if tasks == 0 {
		return
	}
	if !strings.Contains(p.Key, "{client}") {
		p.group(p.spec(&session.Session{}, 0))
		return
	}
	for _, client := range slices.Sorted(maps.Keys(p.Clients)) {
		p.group(p.spec(&session.Session{ClientID: client}, 0))
	}
}
