package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/cache"
	"github.com/webordinary/warmgate/session/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		memory := storetest.NewMemory()
		return struct {
			*cache.Cache
			session.Records
		}{newCache(t, memory, cache.Options{}), memory}
	})
}

func newCache(t testing.TB, store session.Store, o cache.Options) *cache.Cache {
	t.Helper()
	c, err := cache.New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sleeping(id session.ID) session.Session {
	now := time.Now().UTC()
	return session.Session{
		ID: id, ClientID: "acme", Status: session.Inactive, Generation: 1, CreatedAt: now,
		ExpiresAt: now.Add(30 * time.Minute), LastHuman: now, LastVisit: now,
		LastActivity: session.Activity{At: now, Kind: session.Management},
	}
}

func create(t testing.TB, st session.Store, ids ...session.ID) {
	t.Helper()
	for _, id := range ids {
		if err := st.Create(t.Context(), sleeping(id)); err != nil {
			t.Fatal(err)
		}
	}
}

// probe is a store in memory that counts, delays and fails reads.
type probe struct {
	*storetest.Memory
	reads   atomic.Int64
	flights atomic.Int64
	most    atomic.Int64
	latency atomic.Int64 // of reads, nanoseconds
	down    atomic.Bool
}

func newProbe() *probe {
	p := &probe{Memory: storetest.NewMemory()}
	p.Intercept(func(ctx context.Context, op storetest.Op, _ string) error {
		if op == storetest.OpSession {
			p.reads.Add(1)
			p.most.Store(max(p.most.Load(), p.flights.Add(1)))
			defer p.flights.Add(-1)
			select {
			case <-time.After(time.Duration(p.latency.Load())):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if p.down.Load() {
			return session.ErrUnavailable
		}
		return nil
	})
	return p
}

// lookup asks and returns how long it took.
func lookup(t *testing.T, st session.Store, id session.ID) (session.Session, time.Duration, error) {
	t.Helper()
	begin := time.Now()
	s, err := st.Session(t.Context(), id)
	return s, time.Since(begin), err
}

// ask looks up for what it does to the cache.
func ask(t *testing.T, st session.Store, id session.ID) {
	t.Helper()
	if _, err := st.Session(t.Context(), id); err != nil && !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("look-up of %s = %v", id, err)
	}
}

func TestOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		create(t, p, "a")
		c := newCache(t, p, cache.Options{})
		p.latency.Store(int64(500 * time.Millisecond))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Session(ctx, "a"); !errors.Is(err, context.Canceled) {
				t.Errorf("Session of the caller who gave up = %v, want context.Canceled", err)
			}
		})
		synctest.Wait() // the first one has begun the read
		for range 100 {
			wg.Go(func() {
				if s, err := c.Session(t.Context(), "a"); err != nil || s.ID != "a" {
					t.Errorf("Session = %v, %v", s, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if n := p.reads.Load(); n != 1 {
			t.Errorf("101 look-ups at once made %d reads, want 1", n)
		}
	})
}

func TestRefreshAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		create(t, p, "a")
		reg := prometheus.NewRegistry()
		c := newCache(t, p, cache.Options{Registerer: reg})
		p.latency.Store(int64(600 * time.Millisecond))
		if _, took, err := lookup(t, c, "a"); err != nil || took != 600*time.Millisecond {
			t.Errorf("first look-up took %s, %v", took, err)
		}
		for i := range 6000 { // a minute
			time.Sleep(10 * time.Millisecond)
			if i == 3000 { // another replica writes
				if _, err := p.Update(t.Context(), "a", session.DrainChange("other")); err != nil {
					t.Fatal(err)
				}
			}
			s, took, err := lookup(t, c, "a")
			if err != nil || took != 0 {
				t.Fatalf("look-up %d took %s, %v: it waited for the store", i, took, err)
			}
			if i > 3000+300 && s.Status != session.Draining {
				t.Fatalf("look-up %d: the other replica's write is not seen after 3 seconds", i)
			}
		}
		if n := p.reads.Load(); n < 20 || n > 41 {
			t.Errorf("%d reads in a minute, want one in about two seconds", n)
		}
		if n := p.most.Load(); n != 1 {
			t.Errorf("%d reads of one session at once, want 1", n)
		}
		if n := metric(t, reg, "hit"); n != 6000 {
			t.Errorf("%v hits are counted, want 6000", n)
		}
		synctest.Wait()
	})
}

// metric returns the counted look-ups with a result.
func metric(t *testing.T, reg *prometheus.Registry, result string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "warmgate_session_lookups_total" && m.GetLabel()[0].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

func TestIdleSessionIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		create(t, p, "a")
		c := newCache(t, p, cache.Options{})
		ask(t, c, "a")
		if _, err := p.Update(t.Context(), "a", session.DrainChange("other")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if s, _, err := lookup(t, c, "a"); err != nil || s.Status != session.Draining {
			t.Errorf("look-up after the fresh time = %s, %v, want draining", s.Status, err)
		}
	})
}

func TestNegative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		reg := prometheus.NewRegistry()
		c := newCache(t, p, cache.Options{Registerer: reg})
		for range 1000 { // ten seconds
			if _, _, err := lookup(t, c, "nobody"); !errors.Is(err, session.ErrNotFound) {
				t.Fatalf("look-up = %v, want ErrNotFound", err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := p.reads.Load(); n != 10 {
			t.Errorf("%d reads in ten seconds, want 10", n)
		}
		if n := metric(t, reg, "negative"); n != 990 {
			t.Errorf("%v negative hits are counted, want 990", n)
		}
		create(t, c, "nobody")
		if _, _, err := lookup(t, c, "nobody"); err != nil {
			t.Errorf("look-up after Create = %v", err)
		}
		// Made by another replica: seen once the second is over.
		ask(t, c, "late")
		create(t, p, "late")
		time.Sleep(time.Second)
		if _, _, err := lookup(t, c, "late"); err != nil {
			t.Errorf("look-up a second later = %v", err)
		}
	})
}

func TestMissesEvictNoSession(t *testing.T) {
	p := newProbe()
	create(t, p, "a", "b")
	c := newCache(t, p, cache.Options{Size: 2, NegativeSize: 2, Fresh: time.Hour})
	ask(t, c, "a")
	ask(t, c, "b")
	for i := range 100 {
		ask(t, c, session.ID(fmt.Sprint("missing-", i)))
	}
	before := p.reads.Load()
	for _, id := range []session.ID{"a", "b"} {
		if _, _, err := lookup(t, c, id); err != nil {
			t.Errorf("look-up of %s = %v", id, err)
		}
	}
	if p.reads.Load() != before {
		t.Error("misses have pushed sessions out")
	}
}

// TestStale: an outage of the store, by refusal or by silence.
func TestStale(t *testing.T) {
	for name, silent := range map[string]bool{"refuses": false, "is silent": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProbe()
				create(t, p, "busy", "idle", "unread")
				reg := prometheus.NewRegistry()
				c := newCache(t, p, cache.Options{Registerer: reg, MaxStale: 20 * time.Minute})
				ask(t, c, "busy")
				ask(t, c, "idle")
				if silent {
					p.latency.Store(int64(time.Hour))
				}
				p.down.Store(true)
				began := p.reads.Load()
				for range 600 { // a minute
					time.Sleep(100 * time.Millisecond)
					if _, took, err := lookup(t, c, "busy"); err != nil || took != 0 {
						t.Fatalf("look-up of a busy session took %s, %v", took, err)
					}
				}
				if n := p.reads.Load() - began; n > 61 {
					t.Errorf("%d reads in a minute of outage, want at most one a second", n)
				}
				if metric(t, reg, "stale") < 500 {
					t.Errorf("%v stale look-ups are counted", metric(t, reg, "stale"))
				}
				// One that was idle waits for the store's deadline at most.
				if _, took, err := lookup(t, c, "idle"); err != nil || took > time.Second {
					t.Errorf("look-up of an idle session took %s, %v", took, err)
				}
				for _, id := range []session.ID{"unread", "nobody"} {
					if _, took, err := lookup(t, c, id); !errors.Is(err, session.ErrUnavailable) || took > time.Second {
						t.Errorf("look-up of %s = %v after %s, want ErrUnavailable", id, err, took)
					}
				}
				time.Sleep(20 * time.Minute)
				if _, _, err := lookup(t, c, "busy"); !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("look-up of one that is too old = %v, want ErrUnavailable", err)
				}
				p.down.Store(false)
				p.latency.Store(0)
				for _, id := range []session.ID{"busy", "idle", "unread"} {
					if _, _, err := lookup(t, c, id); err != nil {
						t.Errorf("look-up of %s after the outage = %v", id, err)
					}
				}
			})
		})
	}
}

// TestStaleEndsWithItsTTL: an outage does not prolong a life.
func TestStaleEndsWithItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		create(t, p, "a")
		m := session.NewManager(session.ManagerOptions{
			Store: newCache(t, p, cache.Options{}), Registry: session.NewRegistry(session.Clocks{}),
		})
		if _, err := m.Lookup(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		p.down.Store(true)
		time.Sleep(29 * time.Minute)
		if _, err := m.Lookup(t.Context(), "a"); err != nil {
			t.Errorf("Lookup before the TTL has passed = %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := m.Lookup(t.Context(), "a"); !errors.Is(err, session.ErrExpired) {
			t.Errorf("Lookup after the TTL has passed = %v, want ErrExpired", err)
		}
	})
}

// TestAfterOutage: one failed read long ago does not make an old record good.
func TestAfterOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		create(t, p, "a")
		c := newCache(t, p, cache.Options{})
		ask(t, c, "a")
		p.down.Store(true)
		time.Sleep(2 * time.Second)
		ask(t, c, "a") // its refresh fails
		synctest.Wait()
		p.down.Store(false)
		if _, err := p.Update(t.Context(), "a", session.DrainChange("other")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if s, _, err := lookup(t, c, "a"); err != nil || s.Status != session.Draining {
			t.Errorf("look-up = %s, %v, want draining", s.Status, err)
		}
	})
}

func TestNewRefusesSizes(t *testing.T) {
	for _, o := range []cache.Options{{Size: -1}, {NegativeSize: -1}} {
		if _, err := cache.New(storetest.NewMemory(), o); err == nil {
			t.Errorf("New(%+v) has no error", o)
		}
	}
}

func TestMetricsLint(t *testing.T) {
	reg := prometheus.NewRegistry()
	p := newProbe()
	create(t, p, "a")
	c := newCache(t, p, cache.Options{Registerer: reg})
	cache.NewExtender(c, session.Clocks{}, cache.ExtenderOptions{Registerer: reg})
	ask(t, c, "a")
	p.down.Store(true)
	ask(t, c, "b")
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
	if n, err := testutil.GatherAndCount(reg, "warmgate_session_store_errors_total", "warmgate_session_cached"); err != nil || n != 2 {
		t.Errorf("%d metrics, %v, want 2", n, err)
	}
}

func TestHitAllocatesNothing(t *testing.T) {
	p := newProbe()
	create(t, p, "a")
	c := newCache(t, p, cache.Options{Fresh: time.Hour})
	ask(t, c, "a")
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := c.Session(ctx, "a"); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("a hit makes %v allocations, want 0", n)
	}
}
