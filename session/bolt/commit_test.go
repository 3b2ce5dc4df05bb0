package bolt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/webordinary/warmgate/session"
)

func openQueue(t *testing.T) *Store {
	t.Helper()
	st, err := Open(Options{Path: filepath.Join(t.TempDir(), "sessions.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return st
}

// queued waits until n writes wait for the turn.
func (s *Store) queued(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		s.mu.Lock()
		length := len(s.queue)
		s.mu.Unlock()
		if length == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d writes are queued after ten seconds, want %d", length, n)
		}
	}
}

func commits(t *testing.T, s *Store) (id int) {
	t.Helper()
	if err := s.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

func put1(ctx context.Context, s *Store, key string) error {
	_, err := s.PutRecord(ctx, key, []byte("v"), 0)
	return err
}

// TestCommitIsShared: writes that wait for the disk at the same time go in one
// commit, refused ones among them.
func TestCommitIsShared(t *testing.T) {
	st := openQueue(t)
	before := commits(t, st)
	st.turn <- struct{}{} // somebody else is committing
	var wg sync.WaitGroup
	const writers = 50
	var conflicts sync.Map
	for i := range writers {
		wg.Go(func() {
			err := put1(t.Context(), st, fmt.Sprint("key-", i/2)) // two for each key: one is refused
			if errors.Is(err, session.ErrConflict) {
				conflicts.Store(i, true)
			} else if err != nil {
				t.Errorf("PutRecord = %v", err)
			}
		})
	}
	st.queued(t, writers)
	<-st.turn
	wg.Wait()
	if got := commits(t, st) - before; got != 1 {
		t.Errorf("%d writes took %d commits, want 1", writers, got)
	}
	refused := 0
	conflicts.Range(func(any, any) bool { refused++; return true })
	if refused != writers/2 {
		t.Errorf("%d writes were refused, want %d", refused, writers/2)
	}
}

// TestCommitWithdrawn: a write whose caller gave up before its turn never happens.
func TestCommitWithdrawn(t *testing.T) {
	st := openQueue(t)
	st.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- put1(ctx, st, "given up") }()
	st.queued(t, 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("PutRecord = %v, want context.Canceled", err)
	}
	<-st.turn
	if err := put1(t.Context(), st, "other"); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Record(t.Context(), "given up"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Record = %v, want ErrNotFound", err)
	}
}

// TestCommitFails: when a commit fails, nobody in it is told anything else, and
// the next one works.
func TestCommitFails(t *testing.T) {
	st := openQueue(t)
	st.db.MaxSize = 1 // no room
	st.turn <- struct{}{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_, err := st.PutRecord(t.Context(), "big", make([]byte, 1<<20), 0)
			if !errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrConflict) {
				t.Errorf("PutRecord = %v, want ErrUnavailable", err)
			}
		})
	}
	st.queued(t, 4)
	<-st.turn
	wg.Wait()
	st.db.MaxSize = 0
	if err := put1(t.Context(), st, "big"); err != nil {
		t.Errorf("PutRecord after a failed commit = %v", err)
	}
}

// TestCommitPanics: a panic reaches its caller and leaves the store usable.
func TestCommitPanics(t *testing.T) {
	st := openQueue(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = st.commit(t.Context(), func(*bbolt.Tx) error { panic("a bug") })
	}()
	if err := put1(t.Context(), st, "after"); err != nil {
		t.Errorf("PutRecord after a panic = %v", err)
	}
}
