package scaler

import "time"

// group is one value of a pool's key: its tasks and the sessions that want
// them. Guarded by [Scaler].mu.
type group struct {
	pool  *pool
	key   string
	tasks map[*task]struct{}
	// sessions that are awake, with or without a ready task.
	sessions map[*tracked]struct{}
	// surplusSince is when it came to have more tasks than it should.
	surplusSince time.Time
	// failures of starts in a row, and when the next one may be tried without
	// a session that waits for it.
	failures int
	retryAt  time.Time
}

// group returns the group for the key, made if there is none.
func (p *pool) group(key string) *group {
	g := p.groups[key]
	if g == nil {
		g = &group{pool: p, key: key, tasks: make(map[*task]struct{}), sessions: make(map[*tracked]struct{})}
		p.groups[key] = g
	}
	return g
}

// forget drops the group if nothing is left in it.
func (g *group) forget() {
	if len(g.tasks) == 0 && len(g.sessions) == 0 && g.pool.groups[g.key] == g {
		delete(g.pool.groups, g.key)
	}
}

// choose returns the task for a new session: the least loaded ready one, else
// the least loaded starting one, else nil.
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
		return t.stage == ready
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

// demand is what the number of tasks is decided from.
func (g *group) demand() demand { return demand{sessions: len(g.sessions)} }

// missing returns how many tasks are to be started.
func (g *group) missing() int { return g.pool.policy.desired(g.demand()) - g.usable() }

// spare returns the tasks that a scale-in at now is to stop: none that anybody
// uses.
func (g *group) spare(now time.Time) []*task {
	var n int
	n, g.surplusSince = g.pool.policy.excess(g.demand(), g.usable(), g.surplusSince, now)
	var tasks []*task
	for t := range g.tasks {
		if len(tasks) < n && t.stage != doomed && len(t.users) == 0 {
			tasks = append(tasks, t)
		}
	}
	return tasks
}
