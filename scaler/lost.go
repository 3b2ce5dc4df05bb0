package scaler

import (
	"context"
	"errors"
	"time"

	"github.com/webordinary/warmgate/session"
)

// steadyAfter is how long a task has to live for its end to be no failure of
// the start.
const steadyAfter = time.Minute

// suspectLimit is how long a task may refuse connections before it is given up.
const suspectLimit = 10 * time.Second

// lose deals with a task that is gone or useless. s.mu is held.
func (s *Scaler) lose(t *task, cause error) {
	switch t.stage {
	case starting:
		t.giveUp(cause)
		return
	case doomed:
		return
	case cordoned, ready:
	}
	s.log.Warn("task is lost", "pool", t.pool.Name, "key", t.spec.Key, "task", t.id, "error", cause)
	s.metrics.lost(t.pool)
	t.err = cause
	if now := time.Now().UTC(); now.Sub(t.readyAt) < steadyAfter {
		t.group.failed(now)
	}
	s.doom(t)
	for e := range t.users {
		s.lostMeanwhile(e)
	}
}

// lostMeanwhile has the loss of the session's task dealt with, if it is lost.
// s.mu is held.
func (s *Scaler) lostMeanwhile(e *tracked) {
	if t := e.task; t != nil && t.stage == doomed {
		s.under(e, func(ctx context.Context) { s.lost(ctx, e, t) })
	}
}

// lost puts a session to sleep whose task is gone, and wakes it at once if
// somebody waits. Losing task after task right after their start is a failure,
// however.
func (s *Scaler) lost(ctx context.Context, e *tracked, t *task) {
	s.mu.Lock()
	was, generation := e.mode, e.rec.Generation
	if e.task != t || was != serving && was != dozing {
		s.mu.Unlock()
		return
	}
	now := time.Now().UTC()
	next := asleep
	if now.Sub(t.readyAt) >= steadyAfter {
		e.failures = 0
	} else if e.failures++; e.failures > 1 {
		e.err, e.retryAt = startError(t.err), now.Add(backoff(e.failures-1))
		next = failed
	}
	s.set(e, next)
	s.detach(e)
	s.mu.Unlock()

	c := session.LostChange(generation)
	if was == dozing {
		c = session.DoomChange(generation)
	}
	if err := s.insist(ctx, e, c); err != nil && !errors.Is(err, session.ErrConflict) {
		return // the reconcile finds it
	}
	if next == asleep && (e.live.Waiters().Value() > 0 || s.staysAwake(e)) {
		s.replace(ctx, e)
	}
}

// staysAwake reports whether e never falls asleep by itself: a pool's own record,
// whose tasks may have work that nobody here sees.
func (s *Scaler) staysAwake(e *tracked) bool { return s.clocks.Of(e.live.ID()).StayAwake }

// replace wakes a session again whose task is lost. Its lane is held.
func (s *Scaler) replace(ctx context.Context, e *tracked) {
	w := session.Wake{Activity: session.Activity{At: time.Now().UTC(), Kind: session.Request}}
	if err := s.wake(ctx, e, w); err != nil {
		s.log.Info("cannot wake a session whose task is lost", "session_id", e.live.ID(), "error", err)
	}
}

// Suspect tells that a connection to the session's target failed. The task is
// looked at at once: if its driver says that it is gone, or if it accepts no
// connection for 10 s, the session loses it. Suspect does not wait.
func (s *Scaler) Suspect(l *session.Live, target session.Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.sessions[l.ID()]
	if e == nil || e.task == nil || e.task.id != target.TaskID || e.task.stage != ready || e.task.suspected {
		return
	}
	t := e.task
	t.suspected = true
	s.crew.spawn(func() { s.inspect(t) })
}

// inspect finds out whether a suspected task still serves.
func (s *Scaler) inspect(t *task) {
	s.look(s.background, t.pool)
	// t.start ends when the task is doomed, by this look or meanwhile.
	serves := s.prober.accepts(t.start, s.target(t).Addr, suspectLimit)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.suspected = false
	if !serves && s.background.Err() == nil {
		s.lose(t, errRefuses)
	}
}

// errRefuses: a task runs, but nothing listens any more.
var errRefuses = errors.New("the task runs, but accepts no connections any more")
