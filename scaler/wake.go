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
	e.refs++
	s.mu.Unlock()
	if !s.crew.spawn(func() {
		defer s.untrack(e)
		defer e.leave()
		woken <- s.wake(s.background, e, w)
	}) {
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
	if rec.Pool == "" {
		rec.Pool = s.opts.DefaultPool
	}
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
		return session.ErrExpired
	case rec.Status == session.Initializing:
		return s.begin(e, rec, func() {}) // the token makes it the start that another has begun
	case rec.Status == session.Active:
		if s.adopt(ctx, e, rec) {
			return nil
		}
		return again(s.change(ctx, e, session.LostChange(rec.Generation)))
	}
	if err := s.mayWake(ctx, e, rec, w); err != nil {
		return err
	}
	if s.resumable(e, rec) {
		return s.resume(ctx, e, rec, w)
	}
	return s.startAnew(ctx, e, rec, w)
}

// again turns the outcome of a change that only prepares the next step into
// what wake is to do next.
func again(err error) error {
	if err == nil || errors.Is(err, session.ErrConflict) {
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
		return conflictMeansAgain(err)
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

// conflictMeansAgain turns a conflict into errAgain.
func conflictMeansAgain(err error) error {
	if errors.Is(err, session.ErrConflict) {
		return errAgain
	}
	return err
}

// startAnew begins a new generation. A place for its task is kept while the
// record is written, so that a refused wake leaves no trace.
func (s *Scaler) startAnew(ctx context.Context, e *tracked, rec session.Session, w session.Wake) error {
	free, err := s.reserve(e, rec)
	if err != nil {
		s.metrics.refused(e.pool, "capacity")
		return err
	}
	err = s.change(ctx, e, session.WakeChange(rec.Generation, w, s.clocks.TTL))
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		free()
		return conflictMeansAgain(err)
	}
	return s.begin(e, e.rec, free)
}

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

// room returns nil if one more task may be started. s.mu is held.
func (s *Scaler) room(p *pool, key string) error {
	if err := p.room(key); err != nil {
		return err
	}
	n := 0
	for _, other := range s.pools {
		n += other.count()
	}
	if g := p.groups[key]; g != nil && p.dedicated {
		n -= len(g.tasks)
	}
	if n < s.opts.MaxTasks {
		return nil
	}
	return &session.RefusedError{
		What:       fmt.Sprintf("all of the %d tasks that may run do so", s.opts.MaxTasks),
		RetryAfter: capacityRetry,
	}
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
	s.detach(e, true) // one of a generation before
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
	g := e.pool.group(e.pool.spec(&e.rec, 0).Key)
	t := g.choose()
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
	for missing := g.missing(); missing > 0 && s.room(g.pool, g.key) == nil; missing-- {
		for e := range g.sessions {
			s.newTask(g, s.nextSpec(e))
			break
		}
	}
}

// seeThrough waits for the task's start and writes its outcome. s.mu is held.
func (s *Scaler) seeThrough(e *tracked, t *task, generation int64) {
	e.refs++
	s.crew.spawn(func() {
		defer s.untrack(e)
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
	if e.mode != warming || e.task != t || e.rec.Generation != generation {
		s.mu.Unlock()
		return
	}
	if err != nil && t.group.usable() > 0 { // a sibling can take over
		s.detach(e, false)
		if other, placeErr := s.place(e); placeErr == nil {
			s.publish(e)
			s.seeThrough(e, other, generation)
			s.mu.Unlock()
			return
		}
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
	err := s.insist(ctx, e, session.ReadyChange(generation, s.target(t)))
	switch {
	case errors.Is(err, session.ErrUnavailable):
		s.fail(ctx, e, generation, fmt.Errorf("%w: the store cannot be reached: %w", session.ErrStartFailed, err))
	case errors.Is(err, session.ErrExpired), errors.Is(err, session.ErrNotFound):
		s.conclusion(e, ended)
	case errors.Is(err, session.ErrConflict) && !s.servedBy(ctx, e, t):
		s.conclusion(e, asleep)
	case err == nil || errors.Is(err, session.ErrConflict):
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.task != t {
			return // released meanwhile
		}
		s.set(e, serving)
		s.metrics.released(e.pool, time.Since(latest(t.readyAt, e.rec.AwakeSince)))
		s.lostMeanwhile(e)
	}
}

// servedBy reports whether the record says that the session has this task, as
// another replica that joined the start may have written.
func (s *Scaler) servedBy(ctx context.Context, e *tracked, t *task) bool {
	rec, err := s.read(ctx, e)
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
	s.detach(e, true)
	s.mu.Unlock()
	err := s.insist(ctx, e, session.FailChange(generation, cause.Error()))
	if err != nil && ctx.Err() == nil {
		s.log.Warn("cannot record a failed start", "session_id", e.live.ID(), "error", err)
	}
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
		s.detach(e, true)
		s.assign(e, t)
	}
	s.set(e, serving)
	return true
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
