package scaler

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Limits bound what one client may have of a pool. A zero is no bound.
type Limits struct {
	// Tasks that run or are about to, where the pool's key tells clients apart.
	Tasks int
	// Sessions that are awake.
	Sessions int
}

// or returns l with what it leaves open taken from other.
func (l Limits) or(other Limits) Limits {
	if l.Tasks == 0 {
		l.Tasks = other.Tasks
	}
	if l.Sessions == 0 {
		l.Sessions = other.Sessions
	}
	return l
}

// limits returns those of the client.
func (p *pool) limits(client session.ClientID) Limits {
	return p.Clients[client].or(p.PerClient)
}

// tellsClientsApart reports whether each task is one client's.
func (p Pool) tellsClientsApart() bool {
	return strings.Contains(p.Key, "{client}") || strings.Contains(p.Key, "{session}")
}

// A ceiling is a bound that is reached; the reason is the metrics' word for it.
type ceiling struct {
	reason string
	what   string
}

// refuse counts a wake that c does not allow and returns the error.
func (s *Scaler) refuse(p *pool, c *ceiling) error {
	const retry = 10 * time.Second
	s.metrics.refused(p, c.reason)
	return &session.RefusedError{What: c.what, RetryAfter: retry}
}

// place is kept for a session that is about to be begun.
type place struct {
	client session.ClientID
	// task: it needs one of its own.
	task bool
}

// reserve keeps a place for the session, and one for a new task if it needs one,
// so that a refused wake leaves no trace. elsewhere are sessions of the client
// that are awake on other replicas. Call free with s.mu held.
func (s *Scaler) reserve(e *tracked, rec session.Session, elsewhere []session.ID) (free func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, spec := e.pool, e.pool.spec(&rec, 0)
	c := p.roomForSession(e, rec.ClientID, elsewhere)
	needsTask := !p.serves(spec)
	if c == nil && needsTask {
		c = s.room(p, spec)
	}
	if c != nil {
		return nil, s.refuse(p, c)
	}
	p.reserved[e] = place{client: rec.ClientID, task: needsTask}
	return func() { delete(p.reserved, e) }, nil
}

// serves reports whether there is a task already for who asks for one with spec.
// s.mu is held.
func (p *pool) serves(spec TaskSpec) bool {
	g := p.groups[spec.Key]
	if g != nil && g.choose() != nil {
		return true
	}
	for _, v := range p.unknown {
		if v.useful() && (v.Spec.Token == spec.Token || !p.dedicated && v.Spec.Key == spec.Key) {
			return true
		}
	}
	return false
}

// room returns nil if one more task may be started for spec. A task of a
// dedicated group that is on its way out makes place for its successor. Tasks
// that other replicas have started count as far as the driver lists them.
// s.mu is held.
func (s *Scaler) room(p *pool, spec TaskSpec) *ceiling {
	leaving := 0
	if p.dedicated {
		leaving = p.count(func(t TaskSpec) bool { return t.Key == spec.Key })
	}
	every := func(TaskSpec) bool { return true }
	if p.count(every)-leaving >= p.Maximum {
		return &ceiling{"pool_tasks", fmt.Sprintf("pool %s runs all of the %d tasks that it may", p.Name, p.Maximum)}
	}
	all := 0
	for _, other := range s.pools {
		all += other.count(every)
	}
	if all-leaving >= s.opts.MaxTasks {
		return &ceiling{"all_tasks", fmt.Sprintf("all of the %d tasks that may run do so", s.opts.MaxTasks)}
	}
	most := p.limits(spec.ClientID).Tasks
	if !p.tellsClientsApart() || most == 0 {
		return nil
	}
	if p.count(func(t TaskSpec) bool { return t.ClientID == spec.ClientID })-leaving >= most {
		return &ceiling{"client_tasks", fmt.Sprintf("client %s runs all of the %d tasks that it may", spec.ClientID, most)}
	}
	return nil
}

// count returns how many tasks run, or are about to, for a spec that counts.
func (p *pool) count(counts func(TaskSpec) bool) int {
	n := 0
	for t := range p.tasks {
		if counts(t.spec) {
			n++
		}
	}
	for _, v := range p.unknown {
		if v.State != TaskGone && counts(v.Spec) {
			n++
		}
	}
	for e, reserved := range p.reserved {
		if reserved.task && counts(p.spec(&e.rec, 0)) {
			n++
		}
	}
	return n
}

// roomForSession returns nil if the client may have one more session awake.
func (p *pool) roomForSession(e *tracked, client session.ClientID, elsewhere []session.ID) *ceiling {
	most := p.limits(client).Sessions
	if most == 0 {
		return nil
	}
	awake := make(map[session.ID]struct{})
	for _, id := range elsewhere {
		awake[id] = struct{}{}
	}
	for _, g := range p.groups {
		for other := range g.sessions {
			if other.rec.ClientID == client {
				awake[other.live.ID()] = struct{}{}
			}
		}
	}
	for other, reserved := range p.reserved {
		if reserved.client == client {
			awake[other.live.ID()] = struct{}{}
		}
	}
	delete(awake, e.live.ID())
	if len(awake) >= most {
		return &ceiling{"client_sessions", fmt.Sprintf("client %s has all of the %d sessions awake that it may", client, most)}
	}
	return nil
}

// awakeOf returns the client's sessions that are awake by the store, if it
// matters; no more than are needed to refuse another one.
func (s *Scaler) awakeOf(ctx context.Context, p *pool, rec session.Session) ([]session.ID, error) {
	most := p.limits(rec.ClientID).Sessions
	if most == 0 {
		return nil, nil
	}
	var ids []session.ID
	for other, err := range s.store.ByClient(ctx, rec.ClientID) {
		if err != nil {
			return nil, err
		}
		if s.poolName(other) == p.Name && other.ID != rec.ID && other.Status.Awake() && !other.Over(time.Now()) {
			ids = append(ids, other.ID)
		}
		if len(ids) == most {
			break
		}
	}
	return ids, nil
}

// poolName returns the name of the record's pool.
func (s *Scaler) poolName(rec session.Session) string {
	if rec.Pool == "" {
		return s.opts.DefaultPool
	}
	return rec.Pool
}
