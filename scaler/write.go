package scaler

import (
	"context"
	"errors"
	"time"

	"github.com/webordinary/warmgate/session"
)

// writePatience bounds how long a record is written again and again while the
// store is out of reach.
const writePatience = 30 * time.Second

// change writes c once and learns the record after it. The session's lane is
// held.
func (s *Scaler) change(ctx context.Context, e *tracked, c session.Change) error {
	ctx, cancel := context.WithTimeout(ctx, writePatience)
	defer cancel()
	rec, err := s.store.Update(ctx, e.live.ID(), c)
	if err != nil {
		s.noteOutage(err)
		return err
	}
	rec.Pool = s.poolName(rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.rec = rec
	return nil
}

// catchUp is how long after an outage of the store nothing is taken from a
// session: the other replicas have activity to write, and tried again when.
const catchUp = 15 * time.Second

// noteOutage remembers that the store is out of reach, if err says so.
func (s *Scaler) noteOutage(err error) {
	if errors.Is(err, session.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.outage = time.Now()
	}
}

// isCaughtUp reports whether the store says all that other replicas know, as far
// as that can be told.
func (s *Scaler) isCaughtUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opts.Alone || s.outage.IsZero() || time.Since(s.outage) >= catchUp
}

// insist writes c, again while the store is out of reach and patience lasts.
func (s *Scaler) insist(ctx context.Context, e *tracked, c session.Change) error {
	return s.persist(ctx, func() error { return s.change(ctx, e, c) })
}

// persist calls f, again while the store is out of reach and patience lasts.
func (s *Scaler) persist(ctx context.Context, f func() error) error {
	const firstPause, longestPause = 100 * time.Millisecond, 2 * time.Second
	end := time.Now().Add(writePatience)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := f()
		if !errors.Is(err, session.ErrUnavailable) || time.Now().Add(pause).After(end) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
