package bolt

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/webordinary/warmgate/session"
)

// Store is a [session.Store] and [session.Records] in a file. Make one with
// [Open]. Safe for concurrent use; only one process at a time can have it open.
type Store struct {
	db *bbolt.DB

	// turn is held by the caller that commits the queue for everybody in it.
	turn  chan struct{}
	mu    sync.Mutex
	queue []*write
}

var (
	_ session.Store   = (*Store)(nil)
	_ session.Records = (*Store)(nil)
)

// Close waits for the transactions under way and closes the file. Calls after
// it answer ErrUnavailable.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the session store: %w", err)
	}
	return nil
}

// Ping implements [session.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.view(ctx, "ping", func(*bbolt.Tx) error { return nil })
}

// view runs read in a transaction of its own. what is for error texts.
func (s *Store) view(ctx context.Context, what string, read func(*bbolt.Tx) error) error {
	err := ctx.Err()
	if err == nil {
		err = s.db.View(read)
	}
	return wrap(what, err)
}

// update runs change in a transaction that it may share with others, and
// returns when it is on the disk.
func (s *Store) update(ctx context.Context, what string, change func(*bbolt.Tx) error) error {
	return wrap(what, s.commit(ctx, change))
}

// wrap adds what was done to an error and translates those of the file.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	_, invalid := errors.AsType[*session.InvalidError](err)
	for _, ours := range []error{
		session.ErrNotFound, session.ErrExpired, session.ErrConflict, session.ErrUnavailable,
		context.Canceled, context.DeadlineExceeded,
	} {
		if invalid || errors.Is(err, ours) {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return fmt.Errorf("%s: %w: %w", what, session.ErrUnavailable, err)
}
