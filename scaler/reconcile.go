package scaler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Recover finds out what there is in the drivers. A replica that is alone finds
// there and in the store what an earlier run has left, and puts it right; among
// several that is for the one with the lease, later. Call it once, before
// anything is served.
func (s *Scaler) Recover(ctx context.Context) error {
	listed := true
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
		listed = s.look(ctx, p) && listed
	}
	if !s.opts.Alone || !listed {
		return nil
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
		if !s.look(ctx, p) {
			return // what is not listed now may run all the same
		}
	}
	if !s.leads() {
		return
	}
	if err := s.compareRecords(ctx, s.opts.ReconcileInterval); err != nil && ctx.Err() == nil {
		s.noteOutage(err)
		s.log.Warn("cannot compare sessions with tasks", "error", err)
	}
	s.stopDoomed(ctx)
	s.adoptStrangers(ctx, s.opts.ReconcileInterval)
}

// compareRecords completes the ends under way, and puts right the sessions that
// are awake by their records and that nobody here deals with.
func (s *Scaler) compareRecords(ctx context.Context, patience time.Duration) error {
	all := func(*session.Session) bool { return true }
	records, err := s.list(ctx, all, session.Initializing, session.Active, session.Draining)
	for _, rec := range records {
		if rec.Status == session.Draining {
			continue
		}
		if patience > 0 && !s.leads() {
			return err
		}
		s.putRight(ctx, rec, patience)
	}
	s.completeEnds(ctx, records, patience)
	return err
}

// completeEnds completes the ends that nobody has completed for so long, and for
// as long as requests may need.
func (s *Scaler) completeEnds(ctx context.Context, records []session.Session, patience time.Duration) {
	if !s.opts.Alone {
		patience += s.opts.DrainTimeout
	}
	now := time.Now()
	before := s.ending // only this loop uses it
	s.ending = make(map[session.ID]time.Time)
	for _, listed := range records {
		if listed.Status != session.Draining {
			continue
		}
		since, known := before[listed.ID]
		if !known {
			since = now
		}
		s.ending[listed.ID] = since
		if now.Sub(since) < patience {
			continue
		}
		if rec, err := s.store.Session(ctx, listed.ID); err == nil && rec.Status == session.Draining {
			l := s.registry.Acquire(&rec)
			s.Release(l)
			l.Release()
		}
	}
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

// putRight deals with one session that the store lists as awake.
func (s *Scaler) putRight(ctx context.Context, listed session.Session, patience time.Duration) {
	l := s.registry.Acquire(&listed)
	defer l.Release()
	e := s.track(l)
	defer s.untrack(e)
	if s.joined(e) || s.isDozing(e) || !e.tryEnter() {
		return
	}
	defer e.leave()
	rec, err := s.fresh(ctx, e)
	held := false
	if err == nil && rec.Status == session.Active {
		held, err = s.confirm(ctx, e.pool, rec.Target.TaskID)
	}
	if err != nil {
		s.log.Warn("cannot put a session right", "session_id", listed.ID, "error", err)
		return
	}
	awake := time.Since(rec.AwakeSince)
	switch {
	case s.over(&rec):
		s.showEnd(ctx, e, rec)
		return
	case held && s.take(e, rec):
		return
	case rec.Status == session.Initializing && awake >= patience && s.isStarted(e.pool, rec):
		s.begin(e, rec, func() {}) // the token gives us the task that there is
	case rec.Status.Awake() && awake >= startPatience(e.pool, patience):
		if err = s.change(ctx, e, session.LostChange(rec.Generation)); err == nil && s.staysAwake(e) {
			s.replace(ctx, e)
		}
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
			if patience > 0 && !s.leads() {
				return
			}
			if p.dedicated && !s.forsaken(ctx, p, v, patience) {
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

// strangers returns the tasks that nobody here has started, those of a shared pool
// only after the patience; see forsaken for the others.
func (s *Scaler) strangers(p *pool, patience time.Duration) []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tasks []Task
	for _, v := range p.unknown {
		if p.dedicated || time.Since(v.since) >= patience {
			tasks = append(tasks, v.Task)
		}
	}
	return tasks
}

// forsaken reports whether the task may be stopped: no record has named it for as
// long as that may be another's work under way, and none will again.
func (s *Scaler) forsaken(ctx context.Context, p *pool, v Task, patience time.Duration) bool {
	rec, err := s.store.Session(ctx, v.Spec.SessionID)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return false
	}
	if err == nil && p.wants(&rec, v) || !s.isFor(p, v.ID, &rec, patience) {
		return false
	}
	if rec.Status != session.Inactive || rec.Target.TaskID != v.ID {
		return true
	}
	// It could resume to this task: that is given up first.
	_, err = s.store.Update(ctx, rec.ID, session.DoomChange(rec.Generation))
	return err == nil
}

// wants reports whether the session that the task was started for is awake and
// has it, or gets it.
func (p *pool) wants(rec *session.Session, v Task) bool {
	return rec.Status == session.Initializing && p.spec(rec, 0).Token == v.Spec.Token ||
		rec.Status == session.Active && rec.Target.TaskID == v.ID
}

// isFor reports whether the session has been as it is now, without the task, for
// so long, and for as long as its last requests may take.
func (s *Scaler) isFor(p *pool, task string, rec *session.Session, patience time.Duration) bool {
	if !s.opts.Alone {
		patience = max(patience, s.opts.StopGrace+s.opts.DrainTimeout)
	}
	state := fmt.Sprint(rec.Status, rec.Generation, rec.AwakeSince.UnixMilli())
	s.mu.Lock()
	defer s.mu.Unlock()
	v := p.unknown[task]
	if v == nil {
		return false
	}
	if v.state != state {
		v.state, v.stateSince = state, time.Now()
	}
	return time.Since(v.stateSince) >= patience
}

// clean ends the sleeping sessions whose TTL is over and deletes what ended long
// ago.
func (s *Scaler) clean(ctx context.Context) {
	if !s.leads() || !s.isCaughtUp() {
		return
	}
	now := time.Now()
	expired, err := s.list(ctx, s.over, session.Inactive, session.Error)
	for _, rec := range expired {
		if _, err := s.store.Update(ctx, rec.ID, session.ExpireChange(now).Tolerating(s.clocks.Skew)); err == nil {
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
	return !s.clocks.Over(&seen, now)
}
