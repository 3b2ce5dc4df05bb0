package scaler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webordinary/warmgate/session"
)

// Bounds of reading again.
const (
	followBatch    = 100
	followParallel = 4
	followTimeout  = 5 * time.Second
)

// jittered calls f again and again until ctx ends, never twice at once, and
// not in step with other replicas.
func jittered(ctx context.Context, interval time.Duration, f func(context.Context)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval - interval/followJitter + rand.N(2*interval/followJitter)):
			f(ctx)
		}
	}
}

// followJitter is the part of an interval by which it may be longer or shorter.
const followJitter = 5

// followUsed reads again the sessions that are awake here or in use, and follows
// what other replicas did to them.
func (s *Scaler) followUsed(ctx context.Context) { s.follow(ctx, s.inUse(true)) }

// followParked does the same for the sessions that only have parked sockets here.
func (s *Scaler) followParked(ctx context.Context) { s.follow(ctx, s.inUse(false)) }

// inUse returns the sessions that somebody uses here, or those of which nothing
// but parked sockets are open.
func (s *Scaler) inUse(used bool) []session.ID {
	s.mu.Lock()
	awake := make(map[session.ID]bool)
	for id, e := range s.sessions {
		awake[id] = e.mode == warming || e.mode == serving || e.mode == dozing
	}
	s.mu.Unlock()
	var ids []session.ID
	s.registry.Each(func(l *session.Live) bool {
		parked := l.Parked().Value() > 0 && !awake[l.ID()] && !l.Present() && l.Waiters().Value() == 0
		if b, _ := l.Backend(); b.Phase != session.PhaseEnded && parked != used {
			ids = append(ids, l.ID())
		}
		return true
	})
	return ids
}

// follow reads the sessions and takes over what does not fit to what is shown
// here.
func (s *Scaler) follow(ctx context.Context, ids []session.ID) {
	var reads errgroup.Group
	reads.SetLimit(followParallel)
	for batch := range slices.Chunk(ids, followBatch) {
		reads.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, followTimeout)
			defer cancel()
			records, err := s.store.Sessions(ctx, batch)
			for _, rec := range records {
				s.compare(rec)
			}
			if err == nil && len(records) < len(batch) {
				s.missing(batch, records)
			}
			return err
		})
	}
	if err := reads.Wait(); err != nil && ctx.Err() == nil {
		s.noteOutage(err)
		s.log.Warn("cannot read the sessions in use again", "error", err)
	}
}

// missing has the sessions dealt with that are stored no more.
func (s *Scaler) missing(ids []session.ID, found []session.Session) {
	for _, id := range ids {
		if !slices.ContainsFunc(found, func(rec session.Session) bool { return rec.ID == id }) {
			s.alignLater(session.Session{ID: id})
		}
	}
}

// compare learns from a record, and has the session aligned if another replica
// has taken it elsewhere. It only looks: the record may be older than what is
// done here meanwhile.
func (s *Scaler) compare(rec session.Session) {
	l, ok := s.registry.Lookup(rec.ID)
	if !ok {
		return
	}
	defer l.Release()
	l.Overlay(rec)
	if !s.fits(l, &rec) {
		s.alignLater(rec)
	}
}

// fits reports whether the session is shown as the record says.
func (s *Scaler) fits(l *session.Live, rec *session.Session) bool {
	if s.over(rec) {
		return false
	}
	waited := l.Waiters().Value() > 0
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.sessions[rec.ID]
	if e == nil || e.task == nil { // asleep, failed, ended
		return rec.Status != session.Active && (!waited || e != nil && e.mode != asleep)
	}
	switch e.mode {
	case warming:
		return e.began == rec.Generation &&
			(rec.Status == session.Initializing || rec.Status == session.Active && rec.Target.TaskID == e.task.id)
	case serving:
		return rec.Status == session.Active && rec.Target.TaskID == e.task.id
	case dozing:
		_, used := s.usedAgain(e, rec)
		return rec.Status == session.Inactive && rec.Target.TaskID == e.task.id && !used
	case asleep, failed, ended:
	}
	return true
}

// over reports whether the session is over, also by what is not written yet.
func (s *Scaler) over(rec *session.Session) bool {
	now := time.Now()
	return s.clocks.Over(rec, now) && !s.livesOn(*rec, now)
}

// alignLater has the session aligned, unless somebody deals with it just now.
func (s *Scaler) alignLater(rec session.Session) {
	l, ok := s.registry.Lookup(rec.ID)
	if !ok {
		return
	}
	defer l.Release()
	e := s.track(l)
	defer s.untrack(e)
	if !e.tryEnter() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.spawn(e, func() {
		defer e.leave()
		if err := s.align(s.background, e); err != nil && s.background.Err() == nil {
			s.log.Info("cannot follow a session", "session_id", e.live.ID(), "error", err)
		}
	}) {
		e.leave()
	}
}

// align reads the session and does here what its record says. Its lane is held.
func (s *Scaler) align(ctx context.Context, e *tracked) error {
	rec, err := s.fresh(ctx, e)
	switch {
	case errors.Is(err, session.ErrNotFound):
		s.letGo(e, ended)
		return nil
	case err != nil:
		return err
	}
	return s.alignTo(ctx, e, rec)
}

// alignTo is align with the record just read.
func (s *Scaler) alignTo(ctx context.Context, e *tracked, rec session.Session) error {
	switch {
	case s.over(&rec):
		s.showEnd(ctx, e, rec)
		return nil
	case rec.Status == session.Active:
		if found, err := s.adopt(ctx, e, rec); found || err != nil {
			return err
		}
		s.letGo(e, asleep)
	case !s.isAt(e, rec):
		s.leaveStart(e, rec)
	case rec.Status == session.Inactive:
		return s.alignNap(ctx, e, rec)
	}
	return s.wakeWaiters(ctx, e)
}

// isAt reports whether the session has the task that its record speaks of: of
// the same start, and not given up.
func (s *Scaler) isAt(e *tracked, rec session.Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.task == nil || e.task.stage == doomed:
		return false
	case e.mode == warming:
		return e.began == rec.Generation && rec.Status == session.Initializing
	}
	return rec.Status == session.Inactive && rec.Target.TaskID == e.task.id
}

// leaveStart lets go of a start that is over by the record.
func (s *Scaler) leaveStart(e *tracked, rec session.Session) {
	s.mu.Lock()
	failure := rec.Status == session.Error && e.mode == warming && e.began == rec.Generation
	if failure {
		e.failures++
		e.err = fmt.Errorf("%w: %s", session.ErrStartFailed, rec.Cause)
		e.retryAt = time.Now().UTC().Add(backoff(e.failures))
	}
	shown := e.mode == failed
	s.mu.Unlock()
	switch {
	case shown:
	case failure:
		s.letGo(e, failed)
	default:
		s.letGo(e, asleep)
	}
}

// alignNap follows a session that another replica has put to sleep: it is
// resumed if it is used here, and falls asleep here, too, if not.
func (s *Scaler) alignNap(ctx context.Context, e *tracked, rec session.Session) error {
	if w, used := s.usedAgain(e, &rec); used {
		return s.resume(ctx, e, rec, w)
	}
	s.dozeAlong(e)
	return nil
}

// wakeWaiters wakes a sleeping session that somebody waits for here.
func (s *Scaler) wakeWaiters(ctx context.Context, e *tracked) error {
	s.mu.Lock()
	waits := e.mode == asleep && e.live.Waiters().Value() > 0
	s.mu.Unlock()
	if !waits {
		return nil
	}
	return s.wake(ctx, e, session.Wake{Activity: session.Activity{At: time.Now().UTC(), Kind: session.Request}})
}
