package scaler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/session"
)

// errAgain asks the caller to read the record again: somebody else was first.
var errAgain = errors.New("read again")

// Wake implements [session.Backends]. It returns nil when a start is under way
// or the session is served; what the driver says of the start shows in l's
// snapshot. Errors, beside those of the store:
//   - session.ErrExpired: the session is over,
//   - session.ErrConflict: a background request, and one has woken the session
//     since the last visit,
//   - a [*session.RefusedError]: a ceiling of tasks is reached, or the last
//     start failed and its back-off is not over. A visit is not held up by that:
//     a person has asked to try again.
func (s *Scaler) Wake(ctx context.Context, l *session.Live, w session.Wake) error {
	e := s.track(l)
	defer s.untrack(e)
	if s.joined(e) {
		return nil
	}
	if err := e.enter(ctx); err != nil {
		return fmt.Errorf("wake %s: %w", l.ID(), err)
	}
	if s.joined(e) {
		e.leave()
		return nil
	}
	// From here on it goes on without ctx: a write torn apart would leave nobody
	// to see the start through.
	woken := make(chan error, 1)
	s.mu.Lock()
	goesOn := s.spawn(e, func() {
		defer e.leave()
		woken <- s.wake(s.background, e, w)
	})
	s.mu.Unlock()
	if !goesOn {
		e.leave()
		return fmt.Errorf("wake %s: shutting down: %w", l.ID(), session.ErrUnavailable)
	}
	select {
	case err := <-woken:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wake %s: %w", l.ID(), ctx.Err())
	}
}

// joined reports whether a start is under way or has succeeded.
func (s *Scaler) joined(e *tracked) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.mode == warming || e.mode == serving
}

// wake is Wake with the session's lane held.
func (s *Scaler) wake(ctx context.Context, e *tracked, w session.Wake) error {
	const tries = 5
	for range tries {
		if s.joined(e) {
			return nil
		}
		rec, err := s.read(ctx, e)
		if err == nil {
			err = s.wakeFrom(ctx, e, rec, w)
		}
		switch {
		case errors.Is(err, errAgain):
			continue
		case err != nil:
			return fmt.Errorf("wake %s: %w", e.live.ID(), err)
		}
		return nil
	}
	return fmt.Errorf("wake %s: others change it all the time: %w", e.live.ID(), session.ErrUnavailable)
}

// read returns the session's record and learns from it.
func (s *Scaler) read(ctx context.Context, e *tracked) (session.Session, error) {
	rec, err := s.store.Session(ctx, e.live.ID())
	if err != nil {
		return session.Session{}, err
	}
	rec.Pool = s.poolName(rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.rec, e.pool = rec, s.pools[rec.Pool]
	if e.pool == nil {
		return rec, fmt.Errorf("%w: there is no pool %q", session.ErrStartFailed, rec.Pool)
	}
	return rec, nil
}

// wakeFrom does what the state of the record asks for.
func (s *Scaler) wakeFrom(ctx context.Context, e *tracked, rec session.Session, w session.Wake) error {
	switch {
	case rec.Over(time.Now()):
		s.showEnd(ctx, e, rec)
		return session.ErrExpired
	case rec.Status == session.Initializing:
		return s.beginAlong(ctx, e, rec)
	case rec.Status == session.Active:
		if s.adopt(ctx, e, rec) {
			return nil
		}
		if err := s.change(ctx, e, session.LostChange(rec.Generation)); err != nil {
			return again(err)
		}
		return errAgain
	}
	if err := s.mayWake(ctx, e, rec, w); err != nil {
		return err
	}
	if s.resumable(e, rec) {
		return s.resume(ctx, e, rec, w)
	}
	return s.startAnew(ctx, e, rec, w)
}

// again turns a conflict into errAgain.
func again(err error) error {
	if errors.Is(err, session.ErrConflict) {
		return errAgain
	}
	return err
}

// mayWake returns why w may not wake the session now, or nil.
func (s *Scaler) mayWake(ctx context.Context, e *tracked, rec session.Session, w session.Wake) error {
	s.mu.Lock()
	retryAt := e.retryAt
	s.mu.Unlock()
	if wait := time.Until(retryAt); wait > 0 && !w.Activity.Kind.Visit() {
		s.metrics.refused(e.pool, "backoff")
		return &session.RefusedError{What: "the last start failed", RetryAfter: wait}
	}
	if !w.Background || !rec.BackgroundWoken {
		return nil
	}
	if e.live.Overlay(rec).BackgroundWoken {
		s.metrics.refused(e.pool, "background")
		return fmt.Errorf("a background request has woken it already: %w", session.ErrConflict)
	}
	// A visit that is not written yet allows it; the store has to know first.
	if err := s.extender.Flush(ctx, e.live); err != nil {
		return err
	}
	return errAgain
}

// resumable reports whether the task of a session that fell asleep a moment ago
// can go on serving it.
func (s *Scaler) resumable(e *tracked, rec session.Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.mode == dozing && e.task != nil && e.task.stage == ready &&
		rec.Status == session.Inactive && rec.Target.TaskID == e.task.id
}

// resume lets the session's task go on.
func (s *Scaler) resume(ctx context.Context, e *tracked, rec session.Session, w session.Wake) error {
	if err := s.change(ctx, e, session.ResumeChange(rec.Generation, w, s.clocks.TTL)); err != nil {
		return again(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.mode != dozing {
		return errAgain // released meanwhile
	}
	s.set(e, serving)
	s.lostMeanwhile(e)
	return nil
}

// startAnew begins a new generation. A place for its task is kept while the
// record is written, so that a refused wake leaves no trace.
func (s *Scaler) startAnew(ctx context.Context, e *tracked, rec session.Session, w session.Wake) error {
	free, err := s.reserveFor(ctx, e, rec)
	if err != nil {
		return err
	}
	err = s.change(ctx, e, session.WakeChange(rec.Generation, w, s.clocks.TTL))
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		free()
		return again(err)
	}
	s.begin(e, e.rec, free)
	return nil
}

// beginAlong begins the start that another has begun by the record: the token
// makes it the same one.
func (s *Scaler) beginAlong(ctx context.Context, e *tracked, rec session.Session) error {
	free, err := s.reserveFor(ctx, e, rec)
	if err == nil {
		s.begin(e, rec, free)
	}
	return err
}

// reserveFor is [Scaler.reserve] with what the store knows of the client.
func (s *Scaler) reserveFor(ctx context.Context, e *tracked, rec session.Session) (free func(), err error) {
	elsewhere, err := s.awakeOf(ctx, e.pool, rec)
	if err != nil {
		return nil, err
	}
	return s.reserve(e, rec, elsewhere)
}

// adopt takes over a session that the record calls active. It reports whether
// its task is known to serve.
func (s *Scaler) adopt(ctx context.Context, e *tracked, rec session.Session) bool {
	if s.take(e, rec) {
		return true
	}
	s.look(ctx, e.pool) // another replica may have started it
	return s.take(e, rec)
}

// take assigns the task that the record names, if it runs.
func (s *Scaler) take(e *tracked, rec session.Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := e.pool.byID[rec.Target.TaskID]
	if t == nil {
		if v := e.pool.unknown[rec.Target.TaskID]; v != nil && v.State == TaskRunning {
			t = s.found(e.pool, v.Task, true)
		}
	}
	if t == nil || t.stage != ready {
		return false
	}
	e.rec = rec
	if e.task != t {
		s.detach(e)
		s.assign(e, t)
	}
	s.set(e, serving)
	return true
}
