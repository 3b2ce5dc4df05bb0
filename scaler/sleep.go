package scaler

import (
	"context"
	"errors"
	"time"

	"github.com/webordinary/warmgate/session"
)

// sweep looks at every session that is dealt with here, and at every group.
func (s *Scaler) sweep(context.Context) {
	now := time.Now()
	type look struct {
		e   *tracked
		rec session.Session
	}
	s.mu.Lock()
	var looks []look
	for _, e := range s.sessions {
		if !s.forgetIfDone(e, now) && e.mode != ended && e.rec.ID != "" {
			e.refs++
			looks = append(looks, look{e, e.rec})
		}
	}
	s.sweepGroups(now)
	s.mu.Unlock()
	for _, l := range looks {
		s.sweepSession(l.e, l.rec, now)
		s.untrack(l.e)
	}
}

// sweepGroups starts what is missing and dooms what is too much. s.mu is held.
func (s *Scaler) sweepGroups(now time.Time) {
	for _, p := range s.pools {
		s.keepWarm(p, now)
		for _, g := range p.groups {
			s.scaleOut(g, now)
			s.scaleIn(g, now)
			g.forget()
		}
	}
}

// scaleIn has the tasks stopped that a group has too many of. For how long it has
// had them counts from when this replica leads: before that it does not know all
// sessions. s.mu is held.
func (s *Scaler) scaleIn(g *group, now time.Time) {
	if !s.leads() || s.opts.StaysUp(g.pool.Name) {
		g.surplusSince = time.Time{}
		return
	}
	for _, t := range g.spare(now) {
		s.retire(t)
	}
}

// sweepSession has the session dealt with if the clocks say so. It decides from
// what is in memory; the store is asked before anything is done.
func (s *Scaler) sweepSession(e *tracked, rec session.Session, now time.Time) {
	rec = e.live.Overlay(rec)
	if e.live.Present() && now.Sub(rec.LastActivity.At) >= s.clocks.TouchInterval {
		s.extender.Touch(e.live, session.Activity{At: now, Kind: session.Presence})
	}
	if s.verdict(e, &rec, now) == session.Keep || !e.tryEnter() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.spawn(e, func() {
		defer e.leave()
		s.layDown(s.background, e)
	}) {
		e.leave()
	}
}

// verdict is what the clocks say, with two exceptions: a start under way goes
// on, and nobody who waits is sent to sleep.
func (s *Scaler) verdict(e *tracked, rec *session.Session, now time.Time) session.Verdict {
	v := s.clocks.Of(rec.ID).Decide(rec, e.live.Present(), now)
	switch {
	case v == session.Keep || !s.isCaughtUp():
		return session.Keep
	case v == session.GoToExpire:
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.mode != serving || e.live.Waiters().Value() > 0 {
		return session.Keep
	}
	return v
}

// layDown carries out the verdict on a session whose lane is held, if the record
// confirms it.
func (s *Scaler) layDown(ctx context.Context, e *tracked) {
	if err := s.extender.Flush(ctx, e.live); errors.Is(err, session.ErrUnavailable) {
		return // what others know is older than what we know: the next sweep tries again
	}
	rec, err := s.fresh(ctx, e)
	switch {
	case errors.Is(err, session.ErrNotFound), err == nil && rec.Status.Ended():
		s.letGo(e, ended)
		return
	case err != nil:
		return
	}
	rec = e.live.Overlay(rec)
	now := time.Now()
	switch v := s.verdict(e, &rec, now); {
	case v == session.GoToExpire:
		s.expire(ctx, e, now)
	case !rec.Status.Awake():
		err = s.alignTo(ctx, e, rec) // another replica was faster
	case v == session.GoToSleep, v == session.GoToEnd:
		s.doze(ctx, e, rec)
	}
	if err != nil {
		s.log.Info("cannot follow a session", "session_id", e.live.ID(), "error", err)
	}
}

// doze is the first step of stopping: the record says that the session sleeps,
// requests are not forwarded any more, the task stays for a moment.
func (s *Scaler) doze(ctx context.Context, e *tracked, rec session.Session) {
	err := s.change(ctx, e, session.SleepChange(rec.Generation, rec.LastActivity.At))
	if err != nil {
		s.log.Debug("a session stays awake", "session_id", e.live.ID(), "error", err)
		return
	}
	last := []any{"pool", e.pool.Name, "last_activity", rec.LastActivity.Kind, "at", rec.LastActivity.At}
	if _, ok := e.live.ID().Pool(); ok {
		s.log.Info("pool falls asleep", last...)
	} else {
		s.log.Info("session falls asleep", append(last, "session_id", e.live.ID())...)
	}
	s.dozeAlong(e)
}

// dozeAlong follows a record that has become inactive, unless the session was
// released meanwhile.
func (s *Scaler) dozeAlong(e *tracked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.mode != serving {
		return
	}
	e.failures = 0
	e.nap++
	s.set(e, dozing)
	s.napOver(e, e.nap)
}

// napOver takes the second step once the grace is over. s.mu is held.
func (s *Scaler) napOver(e *tracked, nap int) {
	s.spawn(e, func() {
		select {
		case <-time.After(s.opts.StopGrace):
		case <-s.background.Done():
			return
		}
		if e.enter(s.background) == nil {
			defer e.leave()
			s.giveUpTask(s.background, e, nap)
		}
	})
}

// giveUpTask is the second step of stopping, unless somebody uses the session
// again: its assignment is given up for good, and the task goes when the last
// request is through.
func (s *Scaler) giveUpTask(ctx context.Context, e *tracked, nap int) {
	if !s.inNap(e, nap) {
		return
	}
	rec, err := s.fresh(ctx, e)
	if err == nil && s.isCaughtUp() {
		err = s.giveUpFrom(ctx, e, rec)
	}
	switch {
	case errors.Is(err, session.ErrNotFound), errors.Is(err, session.ErrExpired):
		s.letGo(e, ended)
	case s.inNap(e, nap): // the store is or was out of reach, or somebody was faster
		s.mu.Lock()
		defer s.mu.Unlock()
		s.napOver(e, nap)
	}
}

// inNap reports whether the session still has the sleep that is meant.
func (s *Scaler) inNap(e *tracked, nap int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.mode == dozing && e.nap == nap
}

func (s *Scaler) giveUpFrom(ctx context.Context, e *tracked, rec session.Session) error {
	if !s.isAt(e, rec) {
		return s.alignTo(ctx, e, rec) // another replica has taken it elsewhere
	}
	if w, used := s.usedAgain(e, &rec); used && s.resumable(e, rec) {
		return s.resume(ctx, e, rec, w)
	}
	if s.clocks.Of(rec.ID).EndOnIdle {
		if err := s.change(ctx, e, session.IdleEndChange(rec.Generation, rec.LastActivity.At, "it was not used")); err != nil {
			return err
		}
		s.letGo(e, ended)
		s.complete(ctx, e)
		return nil
	}
	if err := s.change(ctx, e, session.DoomChange(rec.Generation)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.mode == dozing {
		s.set(e, asleep)
	}
	s.detach(e)
	return nil
}

// usedAgain reports whether the session that fell asleep is used here, by a
// request that had begun before, that waits now, or by a socket, and by what.
func (s *Scaler) usedAgain(e *tracked, rec *session.Session) (session.Wake, bool) {
	now := time.Now().UTC()
	if e.live.Waiters().Value() > 0 {
		return session.Wake{Activity: session.Activity{At: now, Kind: session.Request}}, true
	}
	seen := e.live.Overlay(*rec)
	seen.Status = session.Active
	if s.clocks.Of(rec.ID).SleepAt(&seen, false).After(now) {
		return session.Wake{Activity: seen.LastActivity}, true
	}
	present := e.live.Present() && s.clocks.Of(rec.ID).SleepAt(&seen, true).After(now)
	return session.Wake{Activity: session.Activity{At: now, Kind: session.Presence}}, present
}

// expire ends a session whose TTL has passed.
func (s *Scaler) expire(ctx context.Context, e *tracked, now time.Time) {
	err := s.change(ctx, e, session.ExpireChange(now).Tolerating(s.clocks.Skew))
	if err == nil || errors.Is(err, session.ErrExpired) {
		s.log.Info("session has expired", "session_id", e.live.ID())
		s.letGo(e, ended)
	}
}
