package cache_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/cache"
	"github.com/webordinary/warmgate/session/storetest"
)

// late is a store whose answers arrive late: the operation takes place at once,
// what it returns comes after a delay.
type late struct {
	*storetest.Memory
	read  func() time.Duration
	write func() time.Duration
}

func (l *late) Session(ctx context.Context, id session.ID) (session.Session, error) {
	s, err := l.Memory.Session(ctx, id)
	time.Sleep(l.read())
	return s, err
}

func (l *late) Update(ctx context.Context, id session.ID, c session.Change) (session.Session, error) {
	s, err := l.Memory.Update(ctx, id, c)
	time.Sleep(l.write())
	return s, err
}

func (l *late) Create(ctx context.Context, s session.Session) error {
	err := l.Memory.Create(ctx, s)
	time.Sleep(l.write())
	return err
}

func (l *late) Delete(ctx context.Context, id session.ID) error {
	err := l.Memory.Delete(ctx, id)
	time.Sleep(l.write())
	return err
}

func fixed(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

var count = session.Change{Name: "count", NextGeneration: true}

// TestOldReadDoesNotOverwrite: a read that began before a write is not what the
// next look-up finds.
func TestOldReadDoesNotOverwrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &late{Memory: storetest.NewMemory(), read: fixed(500 * time.Millisecond), write: fixed(0)}
		create(t, st, "a")
		c := newCache(t, st, cache.Options{})
		var wg sync.WaitGroup
		wg.Go(func() { ask(t, c, "a") })
		synctest.Wait() // the read has seen generation 1 and is on its way back
		if _, err := c.Update(t.Context(), "a", count); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if s, took, err := lookup(t, c, "a"); err != nil || took != 0 || s.Generation != 2 {
				t.Errorf("look-up after the update = generation %d, %v after %s, want 2 at once", s.Generation, err, took)
			}
			wg.Wait()
		}
	})
}

// TestOldMissDoesNotOverwrite: the same for a session that was not there.
func TestOldMissDoesNotOverwrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &late{Memory: storetest.NewMemory(), read: fixed(500 * time.Millisecond), write: fixed(0)}
		c := newCache(t, st, cache.Options{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := lookup(t, c, "a"); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("look-up before Create = %v, want ErrNotFound", err)
			}
		})
		synctest.Wait()
		create(t, c, "a")
		for range 2 {
			if _, _, err := lookup(t, c, "a"); err != nil {
				t.Errorf("look-up after Create = %v", err)
			}
			wg.Wait()
		}
	})
}

// TestCrossingWrites: of two answers that arrive in the wrong order the older is
// not taken for fresh.
func TestCrossingWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delays := []time.Duration{500 * time.Millisecond, 100 * time.Millisecond}
		st := &late{Memory: storetest.NewMemory(), read: fixed(0)}
		st.write = fixed(0)
		create(t, st, "a")
		st.write = func() time.Duration {
			d := delays[0]
			delays = delays[1:]
			return d
		}
		c := newCache(t, st, cache.Options{})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := c.Update(t.Context(), "a", count); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if s, _, err := lookup(t, c, "a"); err != nil || s.Generation != 3 {
			t.Errorf("look-up = generation %d, %v, want 3", s.Generation, err)
		}
	})
}

// TestRefusalOutdates: who is told of a conflict reads what caused it.
func TestRefusalOutdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := storetest.NewMemory()
		create(t, st, "a", "b", "c")
		c := newCache(t, st, cache.Options{})
		for _, id := range []session.ID{"a", "b", "c", "d"} {
			ask(t, c, id)
		}
		// Another replica is first.
		for id, change := range map[session.ID]session.Change{"a": {Name: "x", To: session.Initializing}, "b": session.DrainChange("x"), "c": session.DrainChange("x")} {
			if _, err := st.Update(t.Context(), id, change); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Delete(t.Context(), "c"); err != nil {
			t.Fatal(err)
		}
		create(t, st, "d")

		if _, err := c.Update(t.Context(), "a", session.ResumeChange(1, session.Wake{}, 0)); !errors.Is(err, session.ErrConflict) {
			t.Errorf("Update = %v, want ErrConflict", err)
		}
		if _, err := c.Update(t.Context(), "b", count); !errors.Is(err, session.ErrExpired) {
			t.Errorf("Update = %v, want ErrExpired", err)
		}
		if _, err := c.Update(t.Context(), "c", count); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Update = %v, want ErrNotFound", err)
		}
		if err := c.Create(t.Context(), sleeping("d")); !errors.Is(err, session.ErrConflict) {
			t.Errorf("Create = %v, want ErrConflict", err)
		}
		if s, _, err := lookup(t, c, "a"); err != nil || s.Status != session.Initializing {
			t.Errorf("look-up of a = %s, %v, want initializing", s.Status, err)
		}
		if s, _, err := lookup(t, c, "b"); err != nil || s.Status != session.Draining {
			t.Errorf("look-up of b = %s, %v, want draining", s.Status, err)
		}
		if _, _, err := lookup(t, c, "c"); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("look-up of c = %v, want ErrNotFound", err)
		}
		if _, _, err := lookup(t, c, "d"); err != nil {
			t.Errorf("look-up of d = %v", err)
		}
	})
}

// TestReadYourWrites: whatever overlaps, a look-up that begins after a write has
// returned sees that write or a later one.
func TestReadYourWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := func() time.Duration { return rand.N(300 * time.Millisecond) }
		st := &late{Memory: storetest.NewMemory(), read: random, write: random}
		create(t, st, "a")
		c := newCache(t, st, cache.Options{})
		var (
			wg      sync.WaitGroup
			mu      sync.Mutex
			written int64
		)
		for range 3 {
			wg.Go(func() {
				for range 200 {
					time.Sleep(rand.N(time.Second))
					s, err := c.Update(t.Context(), "a", count)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					written = max(written, s.Generation)
					mu.Unlock()
				}
			})
		}
		for range 10 {
			wg.Go(func() {
				for range 1000 {
					time.Sleep(rand.N(200 * time.Millisecond))
					mu.Lock()
					want := written
					mu.Unlock()
					if s, _, err := lookup(t, c, "a"); err != nil || s.Generation < want {
						t.Errorf("look-up = generation %d, %v, want at least %d", s.Generation, err, want)
					}
				}
			})
		}
		wg.Wait()
		synctest.Wait()
	})
}
