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
	read := s.read
	for range tries {
		if s.joined(e) {
			return nil
		}
		rec, err := read(ctx, e)
		if err == nil {
			err = s.wakeFrom(ctx, e, rec, w)
		}
		switch {
		case errors.Is(err, errAgain):
			read = s.fresh
			continue
		case err != nil:
			return fmt.Errorf("wake %s: %w", e.live.ID(), err)
		}
		return nil
	}
	return fmt.Errorf("wake %s: others change it all the time: %w", e.live.ID(), session.ErrUnavailable)
}

// read returns the session's record and learns from it. It may be as old as
// [Options].CacheAge: for what ends in a conditional write, or is followed.
func (s *Scaler) read(ctx context.Context, e *tracked) (session.Session, error) {
	rec, err := s.store.Session(ctx, e.live.ID())
	if err != nil {
		return session.Session{}, err
	}
	return s.learn(e, rec)
}

// fresh is read with the record as it is now.
func (s *Scaler) fresh(ctx context.Context, e *tracked) (session.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	found, err := s.store.Sessions(ctx, []session.ID{e.live.ID()})
	switch {
	case err != nil:
		s.noteOutage(err)
		return session.Session{}, err
	case len(found) == 0:
		return session.Session{}, fmt.Errorf("session %s: %w", e.live.ID(), session.ErrNotFound)
	}
	return s.learn(e, found[0])
}

// learn notes the record.
func (s *Scaler) learn(e *tracked, rec session.Session) (session.Session, error) {
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
	case s.clocks.Over(&rec, time.Now()):
		s.showEnd(ctx, e, rec)
		return session.ErrExpired
	case rec.Status == session.Initializing:
		return s.beginAlong(ctx, e, rec)
	case rec.Status == session.Active:
		if found, err := s.adopt(ctx, e, rec); found || err != nil {
			return err
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

// resumable reports whether the task of a session that fell asleep a moment ago,
// here or on another replica, can go on serving it.
func (s *Scaler) resumable(e *tracked, rec session.Session) bool {
	if rec.Status != session.Inactive || rec.Target.IsZero() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := e.pool.byID[rec.Target.TaskID]; t != nil {
		return (t.stage == ready || t.stage == cordoned) && (e.task == nil || e.task == t)
	}
	v := e.pool.unknown[rec.Target.TaskID]
	return v != nil && v.State == TaskRunning && e.task == nil
}

// resume lets the session's task go on.
func (s *Scaler) resume(ctx context.Context, e *tracked, rec session.Session, w session.Wake) error {
	c := session.ResumeChange(rec.Generation, w, s.clocks.TTL).Tolerating(s.clocks.Skew)
	if err := s.change(ctx, e, c); err != nil {
		return again(err)
	}
	held, err := s.confirm(ctx, e.pool, e.rec.Target.TaskID)
	if err != nil {
		return err
	}
	if !held || !s.take(e, e.rec) {
		return errAgain // the task is gone, or the session was released meanwhile
	}
	return nil
}

// startAnew begins a new generation. A place for its task is kept while the
// record is written, so that a refused wake leaves no trace.
func (s *Scaler) startAnew(ctx context.Context, e *tracked, rec session.Session, w session.Wake) error {
	free, err := s.reserveFor(ctx, e, rec)
	if err != nil {
		return err
	}
	err = s.change(ctx, e, session.WakeChange(rec.Generation, w, s.clocks.TTL).Tolerating(s.clocks.Skew))
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

// unseenPatience is how long after a session became active its task may be
// missing among those that the driver lists as running: a list can be older than
// what it lists.
const unseenPatience = 15 * time.Second

// adopt takes over a session that the record calls active. found reports whether
// its task is there; an error says that this cannot be told now.
func (s *Scaler) adopt(ctx context.Context, e *tracked, rec session.Session) (found bool, err error) {
	const pause = 500 * time.Millisecond
	if held, err := s.confirm(ctx, e.pool, rec.Target.TaskID); err != nil || !held {
		return false, err
	}
	if err := s.takeBack(ctx, e, rec.Target.TaskID); err != nil {
		return false, err
	}
	for {
		if s.take(e, rec) {
			return true, nil
		}
		if !s.look(ctx, e.pool) { // another replica may have started it
			return false, fmt.Errorf("find the task of %s: %w", rec.ID, session.ErrUnavailable)
		}
		if s.take(e, rec) {
			return true, nil
		}
		if s.opts.Alone || s.isGone(e.pool, rec.Target.TaskID) || time.Since(rec.AwakeSince) >= unseenPatience {
			return false, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// takeBack finds the task anew that was given up here, if the record as it is now
// names it all the same: another replica has recorded what could not be recorded
// here, and serves from it.
func (s *Scaler) takeBack(ctx context.Context, e *tracked, id string) error {
	s.mu.Lock()
	t := e.pool.byID[id]
	given := t != nil && t.unrecorded
	s.mu.Unlock()
	if !given {
		return nil
	}
	rec, err := s.fresh(ctx, e)
	switch {
	case err != nil:
		return err
	case rec.Status != session.Active || rec.Target.TaskID != id:
		return errAgain
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.pool.byID[id] == t && t.view.State == TaskRunning {
		s.found(e.pool, t.view, true)
	}
	return nil
}

// isGone reports whether the task is known to be gone, or on its way.
func (s *Scaler) isGone(p *pool, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := p.byID[id]; t != nil {
		return t.stage == doomed && !t.mayServeOthers()
	}
	v := p.unknown[id]
	return v != nil && (v.State == TaskStopping || v.State == TaskGone)
}

// take assigns the task that the record names, if it runs. One that is still
// being tried here is waited for.
func (s *Scaler) take(e *tracked, rec session.Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := e.pool.byID[rec.Target.TaskID]
	if t == nil {
		if v := e.pool.unknown[rec.Target.TaskID]; v != nil && v.State == TaskRunning {
			t = s.found(e.pool, v.Task, true)
		}
	} else if t.mayServeOthers() && t.view.State == TaskRunning {
		t = s.found(e.pool, t.view, true) // its start failed here only
	}
	if t == nil || t.stage == doomed {
		return false
	}
	e.rec = rec
	if e.task != t {
		s.detach(e)
		s.assign(e, t)
	}
	if t.stage == ready {
		s.set(e, serving)
		s.lostMeanwhile(e)
		return true
	}
	if e.mode != warming || e.began != rec.Generation {
		e.err, e.began = nil, rec.Generation
		s.set(e, warming)
		s.seeThrough(e, t, rec.Generation)
	}
	return true
}
