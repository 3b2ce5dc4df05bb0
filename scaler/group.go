package scaler

import (
	"fmt"
	"strings"
	"time"

	"github.com/webordinary/warmgate/session"
)

// group is one value of a pool's key: its tasks and the sessions that want
// them. Guarded by [Scaler].mu.
type group struct {
	pool *pool
	key  string
	// client is the one whose group it is, if the key has {client}.
	client session.ClientID
	tasks  map[*task]struct{}
	// sessions that are awake, with or without a ready task.
	sessions map[*tracked]struct{}
	// surplusSince is when it came to have more tasks than it should.
	surplusSince time.Time
	// load is how many tasks the CPU utilisation has asked for.
	load int
	// failures of starts in a row, and when the next one may be tried without
	// a session that waits for it.
	failures int
	retryAt  time.Time
}

// group returns the group that a task for the spec is in, made if there is none.
func (p *pool) group(spec TaskSpec) *group {
	g := p.groups[spec.Key]
	if g == nil {
		g = &group{pool: p, key: spec.Key, tasks: make(map[*task]struct{}), sessions: make(map[*tracked]struct{})}
		if strings.Contains(p.Key, "{client}") {
			g.client = spec.ClientID
		}
		p.groups[spec.Key] = g
	}
	return g
}

// forget drops the group if nothing is left in it, not even a back-off.
func (g *group) forget() {
	if len(g.tasks) == 0 && len(g.sessions) == 0 && !time.Now().Before(g.retryAt) && g.pool.groups[g.key] == g {
		delete(g.pool.groups, g.key)
	}
}

// failed counts a start that has failed, or a task that did not last.
func (g *group) failed(now time.Time) {
	if now.After(g.retryAt.Add(failureMemory)) {
		g.failures = 0
	}
	g.failures++
	g.retryAt = now.Add(backoff(g.failures))
}

// choose returns the task for a new session: the least loaded ready one, else
// one that is ready and would be stopped, else the least loaded starting one,
// else nil.
func (g *group) choose() *task {
	var best *task
	for t := range g.tasks {
		if t.stage != doomed && (best == nil || t.better(best)) {
			best = t
		}
	}
	return best
}

// better reports whether t is the better choice for a new session than other.
func (t *task) better(other *task) bool {
	if t.stage != other.stage {
		return t.stage > other.stage
	}
	if len(t.users) != len(other.users) {
		return len(t.users) < len(other.users)
	}
	return t.began.Before(other.began)
}

// usable counts the tasks that are not doomed.
func (g *group) usable() int {
	n := 0
	for t := range g.tasks {
		if t.stage != doomed {
			n++
		}
	}
	return n
}

// demand is what the number of tasks at now is decided from.
func (g *group) demand(now time.Time) demand {
	return demand{
		sessions: len(g.sessions), warm: g.pool.warm.tasks(now), load: g.load, most: g.pool.limits(g.client).Tasks,
	}
}

// missing returns how many tasks are to be started at now. Those that other
// replicas have started count.
func (g *group) missing(now time.Time) int {
	return g.pool.policy.desired(g.demand(now)) - g.usable() - len(g.strangers())
}

// strangers returns the tasks that others have started for the group and that
// are of use.
func (g *group) strangers() []*stranger {
	var list []*stranger
	for _, v := range g.pool.unknown {
		if v.Spec.Key == g.key && v.useful() {
			list = append(list, v)
		}
	}
	return list
}

// furtherSpec describes a task that no session has caused. Replicas that find
// within the same minute that it is missing name it alike, so that they start
// one. Minutes begin at their half: schedules change at their whole.
func (g *group) furtherSpec(now time.Time) TaskSpec {
	spec := g.spec()
	for n := 0; ; n++ {
		spec.Token = fmt.Sprintf("%s/%s/further/%d/%d", spec.Pool, g.key, now.Round(time.Minute).Unix()/60, n)
		if !g.pool.knows(spec.Token) {
			return spec
		}
	}
}

// spec describes the group, without a session.
func (g *group) spec() TaskSpec {
	spec := TaskSpec{Pool: g.pool.Name, Key: g.key, ClientID: g.client, Base: "/"}
	if !strings.Contains(g.pool.Base, "{session}") {
		spec.Base = g.pool.spec(&session.Session{ClientID: g.client}, 0).Base
	}
	return spec
}

// spare returns the tasks that a scale-in at now is to stop, beside those that
// are cordoned already: none that anybody uses. If there are more of these than
// are too many the others are of use again.
func (g *group) spare(now time.Time) []*task {
	var n int
	n, g.surplusSince = g.pool.policy.excess(g.demand(now), g.usable(), g.surplusSince, now)
	for t := range g.tasks {
		if t.stage == cordoned && n == 0 {
			t.stage = ready
		} else if t.stage == cordoned {
			n--
		}
	}
	var tasks []*task
	for t := range g.tasks {
		if len(tasks) < n && t.stage != cordoned && t.stage != doomed && len(t.users) == 0 {
			tasks = append(tasks, t)
		}
	}
	return tasks
}
