package scaler

import (
	"fmt"
	"strings"
	"time"

	"github.com/webordinary/warmgate/session"
)

// reserve keeps a place for a new task if the session needs one. Call free with
// s.mu held.
func (s *Scaler) reserve(e *tracked, rec session.Session) (free func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := e.pool
	key := p.spec(&rec, 0).Key
	if g := p.groups[key]; g != nil && g.choose() != nil {
		return func() {}, nil
	}
	if err := s.room(p, key); err != nil {
		return nil, err
	}
	p.reserved++
	return func() { p.reserved-- }, nil
}

// capacityRetry is when to ask again after a ceiling was reached.
const capacityRetry = 10 * time.Second

// room returns nil if one more task may be started for the group, a
// [*session.RefusedError] otherwise. A task of a dedicated group that is on its
// way out makes place for its successor. s.mu is held.
func (s *Scaler) room(p *pool, key string) error {
	leaving := 0
	if g := p.groups[key]; g != nil && p.dedicated {
		leaving = len(g.tasks)
	}
	if p.count()-leaving >= p.Maximum {
		return &session.RefusedError{
			What:       fmt.Sprintf("pool %s runs all of the %d tasks that it may", p.Name, p.Maximum),
			RetryAfter: capacityRetry,
		}
	}
	all := 0
	for _, other := range s.pools {
		all += other.count()
	}
	if all-leaving >= s.opts.MaxTasks {
		return &session.RefusedError{
			What:       fmt.Sprintf("all of the %d tasks that may run do so", s.opts.MaxTasks),
			RetryAfter: capacityRetry,
		}
	}
	return nil
}

// begin finds or starts a task for the session, whose record says that it is
// wanted, and sees the start through. free gives up the place kept for it.
func (s *Scaler) begin(e *tracked, rec session.Session, free func()) error {
	err := s.beginLocked(e, rec, free)
	if err != nil {
		s.fail(s.background, e, rec.Generation, err)
	}
	return err
}

func (s *Scaler) beginLocked(e *tracked, rec session.Session, free func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	free()
	s.detach(e) // one of a generation before
	e.rec, e.err, e.caused = rec, nil, 0
	e.mode = warming
	t, err := s.place(e)
	s.publish(e)
	if err == nil {
		s.seeThrough(e, t, rec.Generation)
	}
	return err
}

// place assigns the best task of its group to the session, a new one if there is
// none, and starts the further ones that the policy wants. s.mu is held.
func (s *Scaler) place(e *tracked) (*task, error) {
	g := e.pool.group(e.pool.spec(&e.rec, 0))
	t := g.choose()
	if found := g.strangers(); t == nil && !g.pool.dedicated && len(found) > 0 {
		t = s.found(g.pool, found[0].Task, false)
	}
	if t == nil {
		if err := s.room(g.pool, g.key); err != nil {
			g.forget()
			return nil, err
		}
		t = s.newTask(g, s.nextSpec(e))
	}
	s.assign(e, t)
	s.scaleOut(g, time.Now())
	return t, nil
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
	for missing := g.missing(now); missing > 0 && s.room(g.pool, g.key) == nil; missing-- {
		s.newTask(g, g.furtherSpec(now))
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
	for _, client := range p.ClientNames {
		p.group(p.spec(&session.Session{ClientID: client}, 0))
	}
}
