package scaler

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/webordinary/warmgate/session"
)

// putDown stops a doomed task once its last requests are through, again until
// the driver confirms.
func (s *Scaler) putDown(t *task) {
	const firstPause, longestPause = time.Second, 30 * time.Second
	t.leaving.Wait()
	for pause := firstPause; t.id != ""; pause = min(2*pause, longestPause) {
		claim := s.claimOn(t)
		if claim == elsewhere || claim == none && s.stopped(t) {
			break
		}
		select {
		case <-time.After(pause):
		case <-s.background.Done():
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.pool.byID[t.id] == t { // else it was found again; see take
		delete(t.pool.byID, t.id)
	}
	delete(t.pool.tasks, t)
	delete(t.group.tasks, t)
	t.group.forget()
}

// claim is what the records say about a task that is doomed here.
type claim int

const (
	// none: nobody may use it any more.
	none claim = iota
	// pending: the session has it, or waits for it; the record is about to be
	// changed, here or by another replica.
	pending
	// elsewhere: a session has it that another replica serves. It is that one's.
	elsewhere
)

// claimOn returns whether another replica may have use for the task: what is
// doomed in the memory of one is not stopped before the record says so, too. A
// replica that was stopped in the middle of a start may come back with a failure
// that is long out of date.
func (s *Scaler) claimOn(t *task) claim {
	s.mu.Lock()
	gone, answered, unrecorded := t.view.State == TaskGone, !t.readyAt.IsZero(), t.unrecorded
	s.mu.Unlock()
	if gone || s.opts.Alone {
		return none
	}
	if !t.pool.dedicated {
		return s.claimOnShared(t, answered)
	}
	ctx, cancel := context.WithTimeout(s.background, followTimeout)
	defer cancel()
	found, err := s.store.Sessions(ctx, []session.ID{t.spec.SessionID})
	switch {
	case err != nil:
		return pending // whose it is cannot be told now
	case len(found) == 0:
		return none
	}
	rec := found[0]
	starts := rec.Status == session.Initializing && t.pool.spec(&rec, 0).Token == t.spec.Token
	switch {
	case starts, rec.Status == session.Inactive && rec.Target.TaskID == t.id:
		return pending
	case rec.Status != session.Active || rec.Target.TaskID != t.id:
		return none
	case answered && !unrecorded: // it is lost
		return pending
	}
	return elsewhere
}

// claimOnShared returns whether any session has the task that failed here, or is
// doomed by the records. One that served here, and does not any more, is not used
// here again.
func (s *Scaler) claimOnShared(t *task, answered bool) claim {
	claim := s.fence(t, rand.Text(), func() bool { return true })
	if claim == elsewhere && answered {
		return pending
	}
	return claim
}

// stopped asks the driver to stop the task and reports whether it is gone.
func (s *Scaler) stopped(t *task) bool {
	err := s.stopOnce(t)
	s.metrics.stopped(t.pool, err)
	if err != nil {
		s.log.Warn("cannot stop a task", "pool", t.pool.Name, "task", t.id, "error", err)
		return false
	}
	s.log.Info("task is stopped", "pool", t.pool.Name, "key", t.spec.Key, "task", t.id)
	return true
}

// stopOnce asks the driver once.
func (s *Scaler) stopOnce(t *task) error {
	const patience = 3 * time.Minute // longer than Fargate's longest stopTimeout
	ctx, cancel := context.WithTimeout(s.background, patience)
	defer cancel()
	return t.pool.Driver.Stop(ctx, t.id)
}
