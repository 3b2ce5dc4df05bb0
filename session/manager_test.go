package session_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// office is a Manager with a store in memory and backends that start at once.
type office struct {
	*session.Manager
	store    *storetest.Memory
	registry *session.Registry
	wakes    atomic.Int64
	released atomic.Int64
	wakeErr  error
}

func newOffice() *office {
	o := &office{store: storetest.NewMemory(), registry: session.NewRegistry(session.Clocks{})}
	o.Manager = session.NewManager(session.ManagerOptions{
		Store: o.store, Registry: o.registry, Extender: o, Backends: o, Pool: "edit",
	})
	return o
}

// Touch implements session.Extender: it leaves the writing to Flush.
func (o *office) Touch(l *session.Live, a session.Activity) { l.Touch(a) }

// Flush implements session.Extender.
func (o *office) Flush(ctx context.Context, l *session.Live) error {
	c, ok := l.TakePending(time.Now())
	if !ok {
		return nil
	}
	_, err := o.store.Update(ctx, l.ID(), c)
	return err
}

// Wake implements session.Backends.
func (o *office) Wake(ctx context.Context, l *session.Live, w session.Wake) error {
	if o.wakeErr != nil {
		return o.wakeErr
	}
	o.wakes.Add(1)
	_, err := o.store.Update(ctx, l.ID(), session.WakeChange(0, w, 30*time.Minute))
	if errors.Is(err, session.ErrConflict) {
		return nil // joined
	}
	return err
}

// Release implements session.Backends.
func (o *office) Release(*session.Live) { o.released.Add(1) }

var activation = session.Activation{
	ID: "a", ClientID: "acme", UserID: "ann", ThreadID: "t-1", Metadata: map[string]any{"title": "A page"},
}

func (o *office) mustActivate(t *testing.T, a session.Activation) session.Session {
	t.Helper()
	s, _, err := o.Activate(t.Context(), a)
	if err != nil {
		t.Fatalf("Activate(%s) = %v", a.ID, err)
	}
	return s
}

func TestActivateNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		now := time.Now().UTC()
		s, created, err := o.Activate(t.Context(), activation)
		want := session.Session{
			ID: "a", ClientID: "acme", UserID: "ann", ThreadID: "t-1", Metadata: activation.Metadata,
			Status: session.Initializing, Pool: "edit", Generation: 2, CreatedAt: now, ExpiresAt: now.Add(30 * time.Minute),
			LastActivity: session.Activity{At: now, Kind: session.Management}, LastHuman: now, LastVisit: now, AwakeSince: now,
		}
		if diff := cmp.Diff(want, s); err != nil || !created || diff != "" {
			t.Errorf("Activate = %t, %v: -want +got\n%s", created, err, diff)
		}
		other := o.mustActivate(t, session.Activation{ClientID: "acme", Pool: "special", Asleep: true})
		if _, err := session.ParseID(string(other.ID)); err != nil || other.Status != session.Inactive || other.Pool != "special" {
			t.Errorf("Activate of one that sleeps, without an id = %+v, %v", other, err)
		}
		if n := o.wakes.Load(); n != 1 {
			t.Errorf("%d wakes, want 1", n)
		}
		if n := o.registry.Len(); n != 0 {
			t.Errorf("%d sessions are held, want none", n)
		}
	})
}

func TestActivateAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		first := o.mustActivate(t, activation)
		held := o.registry.Acquire(&first) // a request is under way
		defer held.Release()
		time.Sleep(time.Minute)
		again := activation
		again.UserID, again.Metadata = "bob", nil
		s, created, err := o.Activate(t.Context(), again)
		if err != nil || created || s.UserID != "ann" || !s.ExpiresAt.Equal(time.Now().Add(30*time.Minute)) {
			t.Errorf("Activate again = %+v, %t, %v, want a keepalive", s, created, err)
		}
		if n := o.wakes.Load(); n != 1 {
			t.Errorf("%d wakes while it is awake, want 1", n)
		}
		if _, err := o.store.Update(t.Context(), "a", session.LostChange(0)); err != nil {
			t.Fatal(err)
		}
		if s := o.mustActivate(t, activation); s.Status != session.Initializing || o.wakes.Load() != 2 {
			t.Errorf("Activate of a sleeping one = %s after %d wakes, want initializing after 2", s.Status, o.wakes.Load())
		}
		foreign := activation
		foreign.ClientID = "other"
		if _, _, err := o.Activate(t.Context(), foreign); !errors.Is(err, session.ErrConflict) {
			t.Errorf("Activate by another client = %v, want ErrConflict", err)
		}
	})
}

func TestActivateAfterEnd(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, o *office){
		"draining": func(t *testing.T, o *office) {
			if _, err := o.End(t.Context(), "a", "asked"); err != nil {
				t.Fatal(err)
			}
		},
		"ended": func(t *testing.T, o *office) {
			_, err := o.End(t.Context(), "a", "asked")
			_, also := o.store.Update(t.Context(), "a", session.EndChange("asked"))
			if err := errors.Join(err, also); err != nil {
				t.Fatal(err)
			}
		},
		"TTL over": func(*testing.T, *office) { time.Sleep(30 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice()
				old := o.mustActivate(t, activation)
				end(t, o)
				foreign := activation
				foreign.ClientID = "other"
				if _, _, err := o.Activate(t.Context(), foreign); !errors.Is(err, session.ErrConflict) {
					t.Errorf("Activate by another client = %v, want ErrConflict", err)
				}
				s, created, err := o.Activate(t.Context(), activation)
				if err != nil || !created || s.Status != session.Initializing || s.Generation <= old.Generation || s.Over(time.Now()) {
					t.Errorf("Activate = %+v, %t, %v, want a new session with a later generation", s, created, err)
				}
			})
		})
	}
}

// TestActivateAtOnce: of many activations of one id one makes it, none fails.
func TestActivateAtOnce(t *testing.T) {
	o := newOffice()
	var (
		wg   sync.WaitGroup
		made atomic.Int64
	)
	for range 50 {
		wg.Go(func() {
			s, created, err := o.Activate(t.Context(), activation)
			if err != nil || s.ID != "a" {
				t.Errorf("Activate = %v, %v", s, err)
			}
			if created {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("%d activations made it, want 1", made.Load())
	}
}

func TestActivateErrors(t *testing.T) {
	o := newOffice()
	o.wakeErr = session.ErrCapacity
	if s, created, err := o.Activate(t.Context(), activation); !errors.Is(err, session.ErrCapacity) || !created || s.ID != "a" {
		t.Errorf("Activate = %v, %t, %v, want the session and ErrCapacity", s, created, err)
	}
	o.store.Intercept(func(context.Context, storetest.Op, string) error { return session.ErrUnavailable })
	if _, _, err := o.Activate(t.Context(), activation); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Activate = %v, want ErrUnavailable", err)
	}
}

func TestLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		if _, err := o.Lookup(t.Context(), "a"); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Lookup of nothing = %v, want ErrNotFound", err)
		}
		s := o.mustActivate(t, activation)
		l := o.registry.Acquire(&s)
		time.Sleep(29 * time.Minute)
		o.Touch(l, session.Activity{At: time.Now(), Kind: session.Navigation}) // not written: the store is behind
		time.Sleep(29 * time.Minute)
		if _, err := o.Lookup(t.Context(), "a"); err != nil {
			t.Errorf("Lookup of one with unwritten activity = %v", err)
		}
		l.Release()
		if s, err := o.Lookup(t.Context(), "a"); !errors.Is(err, session.ErrExpired) || s.ID != "a" {
			t.Errorf("Lookup of one that is over = %v, %v, want it with ErrExpired", s, err)
		}
	})
}

func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		a := activation
		a.Asleep = true
		o.mustActivate(t, a)
		time.Sleep(29 * time.Minute)
		s, err := o.Keepalive(t.Context(), "a")
		stored, storedErr := o.store.Session(t.Context(), "a")
		if err := errors.Join(err, storedErr); err != nil {
			t.Fatal(err)
		}
		if want := time.Now().Add(30 * time.Minute); !s.ExpiresAt.Equal(want) || !stored.ExpiresAt.Equal(want) || s.Status != session.Inactive {
			t.Errorf("Keepalive = %s until %s, stored until %s, want inactive until %s", s.Status, s.ExpiresAt, stored.ExpiresAt, want)
		}
		time.Sleep(30 * time.Minute)
		if _, err := o.Keepalive(t.Context(), "a"); !errors.Is(err, session.ErrExpired) {
			t.Errorf("Keepalive after the TTL = %v, want ErrExpired", err)
		}
		o.mustActivate(t, a)
		if _, err := o.End(t.Context(), "a", "asked"); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Keepalive(t.Context(), "a"); !errors.Is(err, session.ErrExpired) {
			t.Errorf("Keepalive after the end = %v, want ErrExpired", err)
		}
		if _, err := o.Keepalive(t.Context(), "b"); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Keepalive of nothing = %v, want ErrNotFound", err)
		}
	})
}

func TestEnd(t *testing.T) {
	o := newOffice()
	o.mustActivate(t, activation)
	for i := range 2 { // the second time is no error and releases nothing more
		s, err := o.End(t.Context(), "a", "asked")
		if err != nil || s.Status != session.Draining || s.Cause != "asked" || o.released.Load() != 1 {
			t.Errorf("End %d = %s because %q, %v, %d released", i+1, s.Status, s.Cause, err, o.released.Load())
		}
	}
	if _, err := o.End(t.Context(), "b", "asked"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("End of nothing = %v, want ErrNotFound", err)
	}
}

func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		s := o.mustActivate(t, activation)
		l := o.registry.Acquire(&s)
		defer l.Release()
		l.SetBackend(session.Backend{Phase: session.PhaseStarting, Log: func() []string { return []string{"line"} }})
		l.Waiters().Add(2)
		l.Parked().Add(3)
		r, err := o.Report(t.Context(), "a")
		if err != nil || r.Backend.Phase != session.PhaseStarting || r.Waiters != 2 || r.Parked != 3 || r.Requests != 0 || len(r.Log) != 1 {
			t.Errorf("Report = %+v, %v", r, err)
		}
		if want := time.Now().Add(5 * time.Minute); !r.SleepAt.Equal(want) {
			t.Errorf("SleepAt = %s, want %s", r.SleepAt, want)
		}
		l.Sockets().Add(1)
		if r, err = o.Report(t.Context(), "a"); err != nil || r.Sockets != 1 || !r.SleepAt.Equal(time.Now().Add(15*time.Minute)) {
			t.Errorf("Report with a socket = %+v, %v", r, err)
		}
		if _, err := o.End(t.Context(), "a", "asked"); err != nil {
			t.Fatal(err)
		}
		if r, err = o.Report(t.Context(), "a"); err != nil || r.Session.Status != session.Draining || !r.SleepAt.IsZero() {
			t.Errorf("Report of one that is over = %+v, %v", r, err)
		}
		if _, err := o.Report(t.Context(), "b"); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Report of nothing = %v, want ErrNotFound", err)
		}
	})
}

func TestReports(t *testing.T) {
	o := newOffice()
	for i := range 6 {
		o.mustActivate(t, session.Activation{ID: session.ID(fmt.Sprint("s-", i)), ClientID: session.ClientID(fmt.Sprint("client-", i%2))})
	}
	if _, err := o.End(t.Context(), "s-0", "asked"); err != nil {
		t.Fatal(err)
	}
	count := func(name string, want int, stop bool) {
		reports := o.All(t.Context())
		if name != "" {
			reports = o.ByClient(t.Context(), session.ClientID(name))
		}
		n := 0
		for r, err := range reports {
			if err != nil || r.Session.Over(time.Now()) {
				t.Errorf("%q: report %+v, %v", name, r, err)
			}
			if n++; stop {
				break
			}
		}
		if n != want {
			t.Errorf("%q: %d reports, want %d", name, n, want)
		}
	}
	count("", 5, false)
	count("client-0", 2, false)
	count("client-1", 3, false)
	count("client-1", 1, true)
	count("nobody", 0, false)
	o.store.Intercept(func(context.Context, storetest.Op, string) error { return session.ErrUnavailable })
	for _, err := range o.All(t.Context()) {
		if !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("All while the store is down = %v, want ErrUnavailable", err)
		}
	}
}

// TestPoolOfTheManager: made once, however many ask at a time; woken by hand; in no
// list of sessions.
func TestPoolOfTheManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		store := &poolStore{Memory: o.store, records: map[session.ID]session.Session{}}
		m := session.NewManager(session.ManagerOptions{Store: store, Registry: o.registry, Extender: o, Backends: o})
		var at sync.WaitGroup
		for range 20 {
			at.Go(func() {
				if s, err := m.Pool(t.Context(), session.PoolID("hermes")); err != nil || s.Pool != "hermes" || s.Status != session.Inactive {
					t.Errorf("Pool = %+v, %v", s, err)
				}
			})
		}
		at.Wait()
		if store.created != 1 {
			t.Errorf("the record was made %d times, want once", store.created)
		}
		for r, err := range m.All(t.Context()) {
			t.Errorf("All yields %s, %v", r.Session.ID, err)
		}
		// Whoever has ended it does not stop the service for ever.
		ended := store.records[session.PoolID("hermes")]
		ended.Status = session.Expired
		store.records[ended.ID] = ended
		if s, err := m.Pool(t.Context(), ended.ID); err != nil || s.Status != session.Inactive || s.Generation <= ended.Generation {
			t.Errorf("after an end Pool = %s, generation %d, %v; want it anew", s.Status, s.Generation, err)
		}
	})
}

// poolStore keeps pools' own records, too.
type poolStore struct {
	*storetest.Memory
	mu      sync.Mutex
	records map[session.ID]session.Session
	created int
}

func (p *poolStore) Session(_ context.Context, id session.ID) (session.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.records[id]
	if !ok {
		return s, session.ErrNotFound
	}
	return s, nil
}

func (p *poolStore) Create(_ context.Context, s session.Session) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.records[s.ID]; ok && !old.Status.Ended() {
		return session.ErrConflict
	}
	p.records[s.ID] = s
	p.created++
	return nil
}

func (p *poolStore) ByStatus(context.Context, ...session.Status) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		for _, s := range p.records {
			if !yield(s, nil) {
				return
			}
		}
	}
}
