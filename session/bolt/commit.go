package bolt

import (
	"context"
	"errors"
	"slices"

	"go.etcd.io/bbolt"
)

// write is a change that waits to be committed.
type write struct {
	change func(*bbolt.Tx) error
	// done gets the outcome, once.
	done chan error
}

// errCommit is the outcome of writes whose commit did not come to an end.
var errCommit = errors.New("the commit was abandoned")

// commit has change carried out and brought to the disk. Whoever gets the turn
// commits everything that is queued by then in one transaction; the others only
// wait. So a single write is not delayed, and many at once share one sync.
//
// A change that returns an error must have written nothing. It runs at most once.
func (s *Store) commit(ctx context.Context, change func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{change: change, done: make(chan error, 1)}
	s.mu.Lock()
	s.queue = append(s.queue, w)
	s.mu.Unlock()

	select {
	case err := <-w.done:
		return err
	case s.turn <- struct{}{}:
		s.commitQueue()
	case <-ctx.Done():
		if s.withdraw(w) {
			return ctx.Err()
		}
	}
	return <-w.done
}

// withdraw takes w out of the queue, unless somebody already commits it.
func (s *Store) withdraw(w *write) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.queue, w)
	if i < 0 {
		return false
	}
	s.queue = slices.Delete(s.queue, i, i+1)
	return true
}

// commitQueue commits what is queued and gives the turn back.
func (s *Store) commitQueue() {
	defer func() { <-s.turn }()
	s.mu.Lock()
	batch := s.queue
	s.queue = nil
	s.mu.Unlock()
	if len(batch) == 0 {
		return
	}

	outcomes := make([]error, len(batch))
	err := errCommit
	defer func() {
		for i, w := range batch {
			if err != nil { // what a change saw of the others is void, too
				outcomes[i] = err
			}
			w.done <- outcomes[i]
		}
	}()
	err = s.db.Update(func(tx *bbolt.Tx) error {
		for i, w := range batch {
			outcomes[i] = w.change(tx)
		}
		return nil
	})
}
