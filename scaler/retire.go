package scaler

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/webordinary/warmgate/session"
)

// retire has a task stopped that its group has too many of. Another replica may
// have given it to a session a moment ago: it is cordoned until that is known.
// s.mu is held.
func (s *Scaler) retire(t *task) {
	if s.opts.Alone || t.stage != ready {
		s.doom(t)
		return
	}
	by := rand.Text()
	t.stage, t.cordon = cordoned, by
	spare := func() bool { return t.stage == cordoned && t.cordon == by }
	s.crew.spawn(func() {
		claim := s.fence(t, by, spare)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case claim == none:
			s.doom(t)
		case spare():
			t.stage, t.group.surplusSince = ready, time.Now()
		}
	})
}

// fence dooms a task that sessions share for good, by the records, unless a
// session has it: it is cordoned, and after the time that the last requests of
// those that had it may take nobody may have it still, nor have lifted the
// cordon. spare is asked, with s.mu held, whether it is still to be stopped.
func (s *Scaler) fence(t *task, by string, spare func() bool) claim {
	ctx := s.background
	doomed, err := s.putCordon(ctx, t, by)
	switch {
	case err != nil:
		return pending
	case doomed:
		return none
	}
	claim := s.awaitUnused(ctx, t)
	s.mu.Lock()
	stop := claim == none && spare()
	s.mu.Unlock()
	held := false
	err = s.editCordons(ctx, t.pool, func(cordons map[string]cordon) bool {
		c := cordons[t.id]
		held = c.By == by
		switch {
		case held && stop:
			c.Doomed = true
			cordons[t.id] = c
		case held:
			delete(cordons, t.id)
		}
		return held
	})
	switch {
	case err != nil:
		return pending
	case stop && held:
		return none
	case claim == none:
		return elsewhere
	}
	return claim
}

// putCordon writes the task's cordon, in place of what somebody has left behind.
func (s *Scaler) putCordon(ctx context.Context, t *task, by string) (doomed bool, err error) {
	err = s.editCordons(ctx, t.pool, func(cordons map[string]cordon) bool {
		doomed = cordons[t.id].Doomed
		cordons[t.id] = cordon{By: by, At: time.Now().UTC(), Doomed: doomed}
		return !doomed
	})
	return doomed, err
}

// awaitUnused returns whether a session has the task now, or after the wait.
// What had it before may have requests on it for so long.
func (s *Scaler) awaitUnused(ctx context.Context, t *task) claim {
	before, err := s.usersOf(ctx, t)
	switch {
	case err != nil:
		return pending
	case slices.ContainsFunc(before, func(rec session.Session) bool { return rec.Status != session.Inactive }):
		return elsewhere
	}
	select {
	case <-time.After(s.fenceWait(t)):
	case <-ctx.Done():
		return pending
	}
	after, err := s.usersOf(ctx, t)
	if err != nil {
		return pending
	}
	for _, rec := range after {
		if !s.forgotten(ctx, rec, before) {
			return elsewhere
		}
	}
	return none
}

// fenceWait is how long a cordon stands before the task is doomed. One that has
// served nobody here has no requests of ours to wait for.
func (s *Scaler) fenceWait(t *task) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.readyAt.IsZero() {
		return s.opts.StopGrace
	}
	return max(s.opts.StopGrace, s.opts.DrainTimeout)
}

// usersOf returns the sessions that have the task by their records, also those
// that could resume to it or are being ended.
func (s *Scaler) usersOf(ctx context.Context, t *task) ([]session.Session, error) {
	has := func(rec *session.Session) bool { return rec.Target.TaskID == t.id }
	users, err := s.list(ctx, has, session.Active, session.Inactive, session.Draining)
	if err != nil {
		s.noteOutage(err)
	}
	return users, err
}

// forgotten reports whether the session has slept for the whole wait, so that
// nobody takes the second step of its stopping. It is taken here.
func (s *Scaler) forgotten(ctx context.Context, rec session.Session, before []session.Session) bool {
	slept := slices.ContainsFunc(before, func(old session.Session) bool {
		return old.ID == rec.ID && old.Generation == rec.Generation && old.AwakeSince.Equal(rec.AwakeSince)
	})
	if !slept || rec.Status != session.Inactive {
		return false
	}
	_, err := s.store.Update(ctx, rec.ID, session.DoomChange(rec.Generation))
	return err == nil
}
