package scaler_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/pooled"
	"github.com/webordinary/warmgate/session/storetest"
)

// world is a scaler with a fake driver and a store in memory, in a bubble.
type world struct {
	*scaler.Scaler
	t     *testing.T
	store *store
	// all has the records of pools, too.
	all      session.Store
	registry *session.Registry
	fake     *drivertest.Fake
	metrics  *prometheus.Registry
	stop     func()
}

// settings are what a test may change of a world before it begins.
type settings struct {
	scaler.Options
	pool   scaler.Pool
	clocks session.Clocks
	plan   func(n int, spec scaler.TaskSpec) drivertest.Script
	store  *store
	fake   *drivertest.Fake
	polled bool
	// shared: there are other replicas.
	shared bool
}

// polled is a driver that cannot tell when something changes.
type polled struct{ *drivertest.Fake }

func (polled) Changed() <-chan struct{} { return nil }

// script makes every task follow the one script.
func script(s drivertest.Script) func(*settings) {
	return func(set *settings) {
		set.plan = func(int, scaler.TaskSpec) drivertest.Script { return s }
	}
}

// store is a store in memory that can be out of reach.
type store struct {
	*storetest.Memory
	down atomic.Bool
}

func newStore() *store {
	s := &store{Memory: storetest.NewMemory()}
	s.Intercept(func(context.Context, storetest.Op, string) error {
		if s.down.Load() {
			return session.ErrUnavailable
		}
		return nil
	})
	return s
}

// extender writes activity when it is flushed, and never by itself.
type extender struct{ store session.Store }

func (x extender) Touch(l *session.Live, a session.Activity) { l.Touch(a) }

func (x extender) Flush(ctx context.Context, l *session.Live) error {
	c, ok := l.TakePending(time.Now())
	if !ok {
		return nil
	}
	_, err := x.store.Update(ctx, l.ID(), c)
	if err != nil {
		l.RestorePending()
	}
	return err
}

// inBubble runs f in a synctest bubble, with a world that is running.
func inBubble(t *testing.T, change func(*settings), f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, change)
		w.begin()
		f(t, w)
		w.stop()
	})
}

func newWorld(t *testing.T, change func(*settings)) *world {
	t.Helper()
	set := &settings{store: newStore(), fake: drivertest.NewFake(), pool: scaler.Pool{Name: "edit", Key: "{session}"}}
	if change != nil {
		change(set)
	}
	w := &world{
		t: t, store: set.store, registry: session.NewRegistry(set.clocks), fake: set.fake,
		metrics: prometheus.NewPedanticRegistry(),
	}
	w.fake.Plan = set.plan
	set.pool.Driver = w.fake
	if set.polled {
		set.pool.Driver = polled{w.fake}
	}
	o := set.Options
	o.Alone = !set.shared
	w.all = pooled.New(w.store, w.store, func() []string { return []string{set.pool.Name} })
	o.Store, o.Records, o.Registry, o.Extender = w.all, w.store, w.registry, extender{w.all}
	o.Pools, o.Dial = []scaler.Pool{set.pool}, w.fake.Dial
	o.Registerer = w.metrics
	var err error
	if w.Scaler, err = scaler.New(o); err != nil {
		t.Fatal(err)
	}
	return w
}

// begin recovers and runs the scaler until stop is called.
func (w *world) begin() {
	w.t.Helper()
	if err := w.Recover(w.t.Context()); err != nil {
		w.t.Fatalf("Recover: %v", err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
		if err := w.Shutdown(context.Background()); err != nil {
			w.t.Errorf("Shutdown: %v", err)
		}
	}
}

// create stores a sleeping session of acme and returns its live state.
func (w *world) create(id session.ID) *session.Live {
	w.t.Helper()
	return w.createFor(id, "acme")
}

func (w *world) createFor(id session.ID, client session.ClientID) *session.Live {
	w.t.Helper()
	now := time.Now()
	s := session.Session{
		ID: id, ClientID: client, Status: session.Inactive, Pool: "edit", Generation: 1, CreatedAt: now,
		ExpiresAt:    now.Add(w.registry.Clocks().TTL),
		LastActivity: session.Activity{At: now, Kind: session.Management}, LastHuman: now, LastVisit: now,
	}
	if err := w.store.Create(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
	l := w.registry.Acquire(&s)
	w.t.Cleanup(l.Release)
	return l
}

// record returns the session as it is stored.
func (w *world) record(id session.ID) session.Session {
	w.t.Helper()
	s, err := w.all.Session(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// wake wakes the session as a navigation does, and expects no error.
func (w *world) wake(l *session.Live) {
	w.t.Helper()
	if err := w.Wake(w.t.Context(), l, visit()); err != nil {
		w.t.Fatalf("Wake: %v", err)
	}
}

// warm wakes the session and waits until it is served.
func (w *world) warm(l *session.Live) *session.Backend {
	w.t.Helper()
	w.wake(l)
	b := awaitPhase(w.t, l, session.PhaseReady)
	synctest.Wait()
	return b
}

func visit() session.Wake {
	return session.Wake{Activity: session.Activity{At: time.Now(), Kind: session.Navigation}}
}

func request() session.Wake {
	return session.Wake{Activity: session.Activity{At: time.Now(), Kind: session.Request}}
}

// awaitPhase waits until the session's snapshot has the phase.
func awaitPhase(t *testing.T, l *session.Live, want session.Phase) *session.Backend {
	t.Helper()
	limit := time.After(time.Hour) // of the bubble's time
	for {
		b, changed := l.Backend()
		if b.Phase == want {
			return b
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("phase is %q (%v), want %q", b.Phase, b.Err, want)
		}
	}
}

func phase(l *session.Live) session.Phase {
	b, _ := l.Backend()
	return b.Phase
}

// expect compares phase, status and the numbers of tasks started and alive.
func (w *world) expect(l *session.Live, p session.Phase, status session.Status, started, alive int) {
	w.t.Helper()
	synctest.Wait()
	got := fmt.Sprintf("%s/%s, %d started, %d alive",
		phase(l), w.record(l.ID()).Status, len(w.fake.Started()), len(w.fake.Alive()))
	if want := fmt.Sprintf("%s/%s, %d started, %d alive", p, status, started, alive); got != want {
		w.t.Errorf("session %s is %s, want %s", l.ID(), got, want)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error = %v, want %v", err, want)
	}
}
