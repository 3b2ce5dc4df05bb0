package scaler

import (
	"context"
	"errors"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Release implements [session.Backends].
func (s *Scaler) Release(l *session.Live) {
	e := s.track(l)
	defer s.untrack(e)
	s.letGo(e, ended)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spawn(e, func() {
		s.drained(e, !s.opts.Alone)
		if e.enter(s.background) == nil {
			defer e.leave()
			s.complete(s.background, e)
		}
	})
}

// complete writes that a draining session has ended. What cannot be written now
// the reconcile finds again.
func (s *Scaler) complete(ctx context.Context, e *tracked) {
	rec, err := s.fresh(ctx, e)
	if err == nil && rec.Status != session.Draining {
		return // somebody else was faster, or the id is used anew
	}
	s.letGo(e, ended) // a wake may have come between
	if err == nil {
		err = s.insist(ctx, e, session.EndChange(rec.Cause))
	}
	if err != nil && !errors.Is(err, session.ErrExpired) && !errors.Is(err, session.ErrNotFound) && ctx.Err() == nil {
		s.log.Warn("cannot complete the end of a session", "session_id", e.live.ID(), "error", err)
	}
}

// showEnd lets a session go that is over by its record, and writes so if only its
// TTL has passed. Its lane is held.
func (s *Scaler) showEnd(ctx context.Context, e *tracked, rec session.Session) {
	if rec.Status.Ended() {
		s.letGo(e, ended)
		return
	}
	s.expire(ctx, e, time.Now())
}

// letGo shows the mode and lets the session's task go once its requests are
// through.
func (s *Scaler) letGo(e *tracked, m mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(e, m)
	s.detach(e)
}
