package scaler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/session"
)

// seeThrough waits for the task's start and writes its outcome. s.mu is held.
func (s *Scaler) seeThrough(e *tracked, t *task, generation int64) {
	s.spawn(e, func() {
		select {
		case <-t.settled:
		case <-s.background.Done():
			return
		}
		if e.enter(s.background) == nil {
			defer e.leave()
			s.conclude(s.background, e, t, generation)
		}
	})
}

// conclude ends a start, unless the session has gone another way meanwhile.
func (s *Scaler) conclude(ctx context.Context, e *tracked, t *task, generation int64) {
	s.mu.Lock()
	err := t.err
	if e.mode != warming || e.task != t || e.began != generation {
		s.mu.Unlock()
		return
	}
	if err != nil && t.group.usable() > 0 { // a sibling can take over
		s.detach(e)
		other := s.place(e)
		s.publish(e)
		s.seeThrough(e, other, generation)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if err != nil {
		s.fail(ctx, e, generation, err)
		return
	}
	s.serve(ctx, e, t, generation)
}

// serve records the assignment, then lets the waiting requests go.
func (s *Scaler) serve(ctx context.Context, e *tracked, t *task, generation int64) {
	s.mu.Lock()
	answers := latest(t.readyAt, e.rec.AwakeSince) // the session may have joined a task that was ready
	s.mu.Unlock()
	err := s.insist(ctx, e, session.ReadyChange(generation, s.target(t), time.Now().UTC()))
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, session.ErrExpired), errors.Is(err, session.ErrNotFound):
		s.letGo(e, ended)
	case errors.Is(err, session.ErrConflict) && !s.servedBy(ctx, e, t):
		if err := s.align(ctx, e); err != nil {
			s.letGo(e, asleep)
		}
	case err == nil || errors.Is(err, session.ErrConflict):
		s.open(ctx, e, t, generation, answers)
	default:
		s.mu.Lock()
		t.unrecorded = !s.opts.Alone && t.pool.dedicated
		s.mu.Unlock()
		s.fail(ctx, e, generation, fmt.Errorf("%w: it cannot be recorded: %w", session.ErrStartFailed, err))
	}
}

// open lets the waiting requests go to the task that the record names. If it was
// doomed meanwhile the session is wanted anew.
func (s *Scaler) open(ctx context.Context, e *tracked, t *task, generation int64, answers time.Time) {
	held := false
	err := s.persist(ctx, func() (err error) {
		held, err = s.confirm(ctx, t.pool, t.id)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		s.fail(ctx, e, generation, fmt.Errorf("%w: it cannot be confirmed: %w", session.ErrStartFailed, err))
		return
	case !held:
		s.startOver(ctx, e, generation)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.task != t {
		return // released meanwhile
	}
	s.set(e, serving)
	s.metrics.released(e.pool, time.Since(answers))
	s.lostMeanwhile(e)
}

// startOver takes the session off a task that it must not have, and wakes it
// again, unless it was released meanwhile.
func (s *Scaler) startOver(ctx context.Context, e *tracked, generation int64) {
	s.mu.Lock()
	wanted := e.mode == warming
	s.mu.Unlock()
	if !wanted {
		return
	}
	s.letGo(e, asleep)
	err := s.insist(ctx, e, session.LostChange(generation))
	if err == nil || errors.Is(err, session.ErrConflict) {
		err = s.wake(ctx, e, session.Wake{Activity: session.Activity{At: time.Now().UTC(), Kind: session.Request}})
	}
	if err != nil && ctx.Err() == nil {
		s.log.Info("cannot wake a session whose task is stopped", "session_id", e.live.ID(), "error", err)
	}
}

// servedBy reports whether the record says that the session has this task, as
// another replica that joined the start may have written.
func (s *Scaler) servedBy(ctx context.Context, e *tracked, t *task) bool {
	rec, err := s.fresh(ctx, e)
	return err == nil && rec.Status == session.Active && rec.Target.TaskID == t.id
}

// fail tells everybody who waits why there is no task, then records it.
func (s *Scaler) fail(ctx context.Context, e *tracked, generation int64, cause error) {
	s.mu.Lock()
	if e.mode != warming {
		s.mu.Unlock()
		return // released meanwhile
	}
	e.failures++
	e.err, e.retryAt = cause, time.Now().UTC().Add(backoff(e.failures))
	s.set(e, failed)
	s.detach(e)
	s.mu.Unlock()
	err := s.insist(ctx, e, session.FailChange(generation, cause.Error()))
	if err != nil && !errors.Is(err, session.ErrConflict) && ctx.Err() == nil {
		s.log.Warn("cannot record a failed start", "session_id", e.live.ID(), "error", err)
	}
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
