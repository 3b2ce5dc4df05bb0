//go:build unix

package process_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/process"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// flushed is an extender that writes activity when it is asked to.
type flushed struct{ store session.Store }

func (f flushed) Touch(l *session.Live, a session.Activity) { l.Touch(a) }

func (f flushed) Flush(ctx context.Context, l *session.Live) error {
	c, ok := l.TakePending(time.Now())
	if !ok {
		return nil
	}
	_, err := f.store.Update(ctx, l.ID(), c)
	return err
}

// TestSessionOnARealProcess takes a session from asleep to served by a real
// child and back to asleep, over real sockets and in real time.
func TestSessionOnARealProcess(t *testing.T) {
	store := storetest.NewMemory()
	registry := session.NewRegistry(session.Clocks{IdleTimeout: time.Second, PresenceLimit: time.Second})
	d := newDriver(t, "serve", func(o *process.Options) { o.StopTimeout = time.Second })
	s, err := scaler.New(scaler.Options{
		Alone: true,
		Store: store, Records: store, Registry: registry, Extender: flushed{store},
		Pools:         []scaler.Pool{{Name: "edit", Key: "{session}", Driver: d}},
		StopGrace:     100 * time.Millisecond,
		SweepInterval: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	defer func() {
		cancel()
		running.Wait()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}()

	now := time.Now()
	rec := session.Session{
		ID: "s1", ClientID: "acme", Status: session.Inactive, Generation: 1, ExpiresAt: now.Add(time.Hour),
		LastActivity: session.Activity{At: now, Kind: session.Management}, LastHuman: now, LastVisit: now,
	}
	if err := store.Create(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	l := registry.Acquire(&rec)
	defer l.Release()
	released := make([]time.Time, 500)
	var waiters sync.WaitGroup
	for n := range released {
		waiters.Go(func() {
			if err := s.Wake(t.Context(), l, session.Wake{Activity: session.Activity{At: now, Kind: session.Request}}); err != nil {
				t.Errorf("Wake: %v", err)
			}
			await(t, l, session.PhaseReady)
			released[n] = time.Now()
		})
	}
	waiters.Wait()
	first, last := slices.MinFunc(released, time.Time.Compare), slices.MaxFunc(released, time.Time.Compare)
	t.Logf("%d waiters of one start were released within %v", len(released), last.Sub(first))
	if got := get(t, d); got == "" {
		t.Error("the site gives no answer")
	}
	state := task(t, d)
	await(t, l, session.PhaseAsleep)
	until(t, "the child has been stopped", func() bool {
		tasks, err := d.Tasks(t.Context())
		return err == nil && len(tasks) == 0
	})
	if listens(state.Target.Addr) {
		t.Error("the child still listens")
	}
}

// await waits until the session's snapshot has the phase.
func await(t *testing.T, l *session.Live, want session.Phase) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		b, changed := l.Backend()
		if b.Phase == want {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Errorf("phase is %s (%v), want %s", b.Phase, b.Err, want)
			return
		}
	}
}
