package scaler

import (
	"context"
	"time"

	"github.com/webordinary/warmgate/session"
)

// mode is what the scaler does for a session.
type mode int

const (
	// asleep: no task is assigned and none is wanted.
	asleep mode = iota
	// warming: a start is under way.
	warming
	// serving: requests go to its task.
	serving
	// dozing: it sleeps since a moment ago; its task is still there.
	dozing
	// failed: the last start failed.
	failed
	// ended: the session is over.
	ended
)

// tracked is a session that this scaler deals with. Everything but live, lane
// and pool is guarded by [Scaler].mu; pool is set once, under the lane.
type tracked struct {
	live *session.Live
	// lane has one place: whoever holds it may change the stored record.
	lane chan struct{}
	// refs counts those who hold on to it; see Scaler.untrack.
	refs int

	pool *pool
	mode mode
	// rec is the record as it was last read or written here.
	rec  session.Session
	task *task
	// began is the generation whose start is under way.
	began int64
	// caused counts the tasks that this start of the session has caused.
	caused int
	// nap tells one sleep from the next, within one generation.
	nap int
	// err is why the last start failed.
	err error
	// failures in a row, and when a start is allowed again.
	failures int
	retryAt  time.Time
	// log is that of its last task.
	log func() []string
}

// How long a failure counts after its back-off is over.
const failureMemory = 10 * time.Minute

// track returns the tracked state of the session, and holds it.
func (s *Scaler) track(l *session.Live) *tracked {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.sessions[l.ID()]
	if e == nil {
		e = &tracked{live: l.Retain(), lane: make(chan struct{}, 1)}
		s.sessions[l.ID()] = e
	}
	e.refs++
	return e
}

// untrack gives e back; what nobody holds and nothing is left to do for is
// forgotten.
func (s *Scaler) untrack(e *tracked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.refs--
	s.forgetIfDone(e, time.Now())
}

// forgetIfDone is part of untrack; it reports whether e is forgotten. s.mu is held.
func (s *Scaler) forgetIfDone(e *tracked, now time.Time) bool {
	remembered := e.failures > 0 && now.Before(e.retryAt.Add(failureMemory))
	settled := e.mode == asleep || e.mode == failed || e.mode == ended
	if e.refs > 0 || e.task != nil || !settled || remembered && e.mode != ended {
		return false
	}
	if s.sessions[e.live.ID()] == e {
		delete(s.sessions, e.live.ID())
		e.live.Release()
	}
	return true
}

// enter takes the session's lane.
func (e *tracked) enter(ctx context.Context) error {
	select {
	case e.lane <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryEnter takes the lane if it is free.
func (e *tracked) tryEnter() bool {
	select {
	case e.lane <- struct{}{}:
		return true
	default:
		return false
	}
}

// leave gives the lane back.
func (e *tracked) leave() { <-e.lane }

// spawn runs f in a goroutine that holds on to e, and reports whether it does:
// not any more while shutting down. s.mu is held.
func (s *Scaler) spawn(e *tracked, f func()) bool {
	e.refs++
	spawned := s.crew.spawn(func() {
		defer s.untrack(e)
		f()
	})
	if !spawned {
		e.refs--
	}
	return spawned
}

// under runs f with the session's lane held, in a goroutine of its own. s.mu is
// held.
func (s *Scaler) under(e *tracked, f func(ctx context.Context)) {
	s.spawn(e, func() {
		if e.enter(s.background) == nil {
			defer e.leave()
			f(s.background)
		}
	})
}

// set changes the mode and shows it to those who wait. s.mu is held.
func (s *Scaler) set(e *tracked, m mode) {
	e.mode = m
	s.publish(e)
}

// publishUsers shows the task's progress to its sessions. s.mu is held.
func (s *Scaler) publishUsers(t *task) {
	for e := range t.users {
		if e.mode == warming {
			s.publish(e)
		}
	}
}

// publish replaces the session's snapshot by what is true now. s.mu is held, so
// that an older truth never follows a newer one.
func (s *Scaler) publish(e *tracked) {
	b := session.Backend{Generation: e.rec.Generation, Log: e.log}
	if t := e.task; t != nil {
		if t.view.Log != nil {
			e.log = t.view.Log
			b.Log = e.log
		}
		b.Began, b.LaunchAt, b.Steps = t.began, t.turn.at, t.steps
	}
	switch e.mode {
	case asleep, dozing:
		b = session.Backend{Phase: session.PhaseAsleep, Generation: e.rec.Generation}
	case warming:
		b.Phase = session.PhaseAsked
		if t := e.task; t != nil {
			b.Phase, b.Deadline, b.Estimate = t.steps[len(t.steps)-1].Phase, t.deadline, t.pool.past.estimate()
			if b.Phase == session.PhaseReady { // the record does not say so yet
				b.Phase = session.PhaseChecking
			}
		}
	case serving:
		b.Phase, b.Target = session.PhaseReady, e.rec.Target
	case failed:
		b.Phase, b.Err, b.RetryAt = session.PhaseFailed, e.err, e.retryAt
	case ended:
		b = session.Backend{Phase: session.PhaseEnded, Generation: e.rec.Generation}
	}
	e.live.SetBackend(b)
}

// assign gives the session the task. s.mu is held.
func (s *Scaler) assign(e *tracked, t *task) {
	if t.stage == cordoned {
		t.stage = ready
	}
	e.task = t
	t.users[e] = struct{}{}
	t.group.sessions[e] = struct{}{}
}

// detach takes the session's task away; one of its own is doomed by that, and
// stopped when the session's requests are through, or after the drain timeout.
// s.mu is held.
func (s *Scaler) detach(e *tracked) {
	t := e.task
	if t == nil {
		return
	}
	e.task = nil
	delete(t.users, e)
	delete(t.group.sessions, e)
	if t.stage != doomed { // a doomed one has failed, or is gone
		t.leaving.Add(1)
		others := !s.opts.Alone && t.stage == ready // their requests cannot be counted
		if !s.spawn(e, func() {
			defer t.leaving.Done()
			s.drained(e, others)
		}) {
			t.leaving.Done() // shutting down: nothing is stopped any more
		}
	}
	if t.pool.dedicated {
		s.doom(t)
	}
	t.group.forget()
}

// drained waits until no request of the session is under way, not for ever; for
// the whole time if other replicas may have some, too.
func (s *Scaler) drained(e *tracked, others bool) {
	look := 20 * time.Millisecond
	if others {
		look = s.opts.DrainTimeout
	}
	end := time.Now().Add(s.opts.DrainTimeout)
	for (others || e.live.Requests().Value() > 0) && time.Now().Before(end) {
		select {
		case <-time.After(look):
		case <-s.background.Done():
			return
		}
	}
}
