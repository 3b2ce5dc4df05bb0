package scaler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Recover finds out what an earlier run has left, in the drivers and in the
// store, and puts it right. Call it once, before anything is served.
func (s *Scaler) Recover(ctx context.Context) error {
	for _, p := range s.pools {
		if err := p.Driver.Recover(ctx); err != nil {
			return fmt.Errorf("recover pool %s: %w", p.Name, err)
		}
		past, _, err := loadHistory(ctx, s.records, p.Name)
		if err != nil {
			return err
		}
		s.mu.Lock()
		p.past = past
		s.mu.Unlock()
		s.look(ctx, p)
	}
	if err := s.compareRecords(ctx, 0); err != nil {
		return fmt.Errorf("recover sessions: %w", err)
	}
	s.adoptStrangers(ctx, 0)
	return nil
}

// reconcile compares drivers, store and memory. What does not fit together has
// some time to do so by itself: it may be another's work under way.
func (s *Scaler) reconcile(ctx context.Context) {
	for _, p := range s.pools {
		s.look(ctx, p)
	}
	if err := s.compareRecords(ctx, s.opts.ReconcileInterval); err != nil && ctx.Err() == nil {
		s.log.Warn("cannot compare sessions with tasks", "error", err)
	}
	s.adoptStrangers(ctx, s.opts.ReconcileInterval)
	if err := s.follow(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("cannot read the sessions in use again", "error", err)
	}
}

// follow reads again what somebody on this replica uses, and shows the end of
// the sessions that are over: an open socket makes no request that would notice.
func (s *Scaler) follow(ctx context.Context) error {
	var ids []session.ID
	s.registry.Each(func(l *session.Live) bool {
		if b, _ := l.Backend(); b.Phase != session.PhaseEnded {
			ids = append(ids, l.ID())
		}
		return true
	})
	records, err := s.store.Sessions(ctx, ids)
	for _, rec := range records {
		if now := time.Now(); rec.Over(now) && !s.livesOn(rec, now) {
			s.followEnd(ctx, rec)
		}
	}
	return err
}

// followEnd shows the end of one session, if it is over still.
func (s *Scaler) followEnd(ctx context.Context, seen session.Session) {
	l := s.registry.Acquire(&seen)
	defer l.Release()
	e := s.track(l)
	defer s.untrack(e)
	if !e.tryEnter() {
		return // somebody deals with it
	}
	defer e.leave()
	if rec, err := s.read(ctx, e); err == nil && rec.Over(time.Now()) {
		s.showEnd(ctx, e, rec)
	}
}

// compareRecords completes the ends under way, and puts right the sessions that
// are awake by their records and that nobody here deals with.
func (s *Scaler) compareRecords(ctx context.Context, patience time.Duration) error {
	all := func(*session.Session) bool { return true }
	records, err := s.list(ctx, all, session.Initializing, session.Active, session.Draining)
	for _, rec := range records {
		s.putRight(ctx, rec, patience)
	}
	return err
}

// list returns the records with one of the statuses that are wanted. They are
// read to the end before anything is written: a store need not allow both at once.
func (s *Scaler) list(
	ctx context.Context, want func(*session.Session) bool, statuses ...session.Status,
) ([]session.Session, error) {
	var records []session.Session
	for rec, err := range s.store.ByStatus(ctx, statuses...) {
		if err != nil {
			return records, err
		}
		if want(&rec) {
			records = append(records, rec)
		}
	}
	return records, nil
}

// putRight deals with one session that the store lists as awake or being ended.
func (s *Scaler) putRight(ctx context.Context, listed session.Session, patience time.Duration) {
	l := s.registry.Acquire(&listed)
	defer l.Release()
	if listed.Status == session.Draining {
		if rec, err := s.store.Session(ctx, listed.ID); err == nil && rec.Status == session.Draining {
			s.Release(l)
		}
		return
	}
	e := s.track(l)
	defer s.untrack(e)
	if s.joined(e) || s.isDozing(e) || !e.tryEnter() {
		return
	}
	defer e.leave()
	rec, err := s.read(ctx, e)
	if err != nil {
		s.log.Warn("cannot put a session right", "session_id", rec.ID, "error", err)
		return
	}
	switch {
	case rec.Over(time.Now()):
		s.showEnd(ctx, e, rec)
		return
	case rec.Status == session.Active && s.take(e, rec):
		return
	case rec.Status == session.Initializing && s.isStarted(e.pool, rec):
		s.begin(e, rec, func() {}) // the token gives us the task that there is
	case rec.Status.Awake() && time.Since(rec.AwakeSince) >= startPatience(e.pool, patience):
		err = s.change(ctx, e, session.LostChange(rec.Generation))
	}
	if err != nil && !errors.Is(err, session.ErrConflict) {
		s.log.Warn("cannot put a session right", "session_id", rec.ID, "error", err)
	}
}

// startPatience is how long another may take for a start before it counts as
// forgotten; no time at all if nobody else can have begun one.
func startPatience(p *pool, patience time.Duration) time.Duration {
	if patience == 0 {
		return 0
	}
	return p.longestLine + p.StartTimeout + patience
}

func (s *Scaler) isDozing(e *tracked) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.mode == dozing
}

// isStarted reports whether the driver lists the task that the record's start
// has asked for.
func (s *Scaler) isStarted(p *pool, rec session.Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := p.spec(&rec, 0).Token
	for _, v := range p.unknown {
		if v.Spec.Token == token && v.State != TaskStopping && v.State != TaskGone {
			return true
		}
	}
	return false
}

// adoptStrangers takes over the tasks that the drivers list and that have been
// nobody's for so long. One of a shared pool may serve whoever comes, and goes by
// the policy; one that belonged to a single session is stopped.
func (s *Scaler) adoptStrangers(ctx context.Context, patience time.Duration) {
	for _, p := range s.pools {
		for _, v := range s.strangers(p, patience) {
			if p.dedicated && !s.forsaken(ctx, p, v) {
				continue
			}
			s.mu.Lock()
			if p.byID[v.ID] == nil {
				useless := p.dedicated || v.State != TaskPending && v.State != TaskRunning
				t := s.found(p, v, useless) // no need to probe what is stopped at once
				s.log.Info("found a task that no session has", "pool", p.Name, "key", v.Spec.Key, "task", v.ID)
				if useless {
					s.doom(t)
				}
			}
			s.mu.Unlock()
		}
	}
}

func (s *Scaler) strangers(p *pool, patience time.Duration) []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tasks []Task
	for _, v := range p.unknown {
		if time.Since(v.since) >= patience {
			tasks = append(tasks, v.Task)
		}
	}
	return tasks
}

// forsaken reports whether the task may be stopped: no record names it, and
// none will again.
func (s *Scaler) forsaken(ctx context.Context, p *pool, v Task) bool {
	rec, err := s.store.Session(ctx, v.Spec.SessionID)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return true
	case err != nil:
		return false
	case rec.Status == session.Initializing:
		return p.spec(&rec, 0).Token != v.Spec.Token
	case rec.Target.TaskID != v.ID || rec.Status.Ended():
		return true
	case rec.Status != session.Inactive:
		return false
	}
	// It could resume to this task: that is given up first.
	_, err = s.store.Update(ctx, rec.ID, session.DoomChange(rec.Generation))
	return err == nil
}

// clean ends the sleeping sessions whose TTL is over and deletes what ended long
// ago.
func (s *Scaler) clean(ctx context.Context) {
	now := time.Now()
	expired, err := s.list(ctx, func(rec *session.Session) bool {
		return rec.Over(now) && !s.livesOn(*rec, now)
	}, session.Inactive, session.Error)
	for _, rec := range expired {
		if _, err := s.store.Update(ctx, rec.ID, session.ExpireChange(now)); err == nil {
			s.log.Info("session has expired", "session_id", rec.ID)
		}
	}
	old, oldErr := s.list(ctx, func(rec *session.Session) bool {
		return now.Sub(rec.ExpiresAt) >= s.opts.Retention
	}, session.Expired)
	for _, rec := range old {
		if err := s.store.Delete(ctx, rec.ID); err != nil {
			s.log.Warn("cannot delete an ended session", "session_id", rec.ID, "error", err)
		}
	}
	if err := errors.Join(err, oldErr); err != nil && ctx.Err() == nil {
		s.log.Warn("cannot look through the sessions", "error", err)
	}
}

// livesOn reports whether activity that is not written yet keeps the session.
func (s *Scaler) livesOn(rec session.Session, now time.Time) bool {
	l, ok := s.registry.Lookup(rec.ID)
	if !ok {
		return false
	}
	defer l.Release()
	seen := l.Overlay(rec)
	return !seen.Over(now)
}
