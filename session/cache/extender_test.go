package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// desk is an Extender at work over a store in memory.
type desk struct {
	*storetest.Memory
	registry *session.Registry
	extender *cache.Extender
	metrics  *prometheus.Registry
	writes   atomic.Int64
	down     atomic.Bool
	delay    atomic.Int64 // of writes, nanoseconds
	stop     func()
}

// newDesk begins an Extender's Run; stop ends it. Use it in a bubble.
func newDesk(t *testing.T, o cache.ExtenderOptions) *desk {
	t.Helper()
	d := &desk{
		Memory: storetest.NewMemory(), registry: session.NewRegistry(session.Clocks{}), metrics: prometheus.NewRegistry(),
	}
	d.Intercept(func(ctx context.Context, op storetest.Op, _ string) error {
		if op != storetest.OpUpdate {
			return nil
		}
		d.writes.Add(1)
		select {
		case <-time.After(time.Duration(d.delay.Load())):
		case <-ctx.Done():
			return ctx.Err()
		}
		if d.down.Load() {
			return session.ErrUnavailable
		}
		return nil
	})
	o.Registerer = d.metrics
	d.extender = cache.NewExtender(d, session.Clocks{}, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.extender.Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(d.stop)
	return d
}

// touch records a request of now, as the proxy does: hold, touch, release.
func (d *desk) touch(id session.ID, kind session.ActivityKind) {
	l := d.registry.Acquire(&session.Session{ID: id, ClientID: "acme", LastHuman: time.Now()})
	d.extender.Touch(l, session.Activity{At: time.Now(), Kind: kind})
	l.Release()
}

func (d *desk) stored(t *testing.T, id session.ID) session.Session {
	t.Helper()
	s, err := d.Session(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// metric returns a counter's value by its result label, or the gauge's.
func (d *desk) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := d.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch {
			case family.GetName() == name:
				return m.GetGauge().GetValue()
			case len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == name:
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func (d *desk) wantIdle(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if n := d.metric(t, "warmgate_session_touches_pending"); n != 0 {
		t.Errorf("%v sessions are pending, want none", n)
	}
	if n := d.registry.Len(); n != 0 {
		t.Errorf("%d sessions are held, want none", n)
	}
}

// TestTouchesAreCoalesced: 100,000 touches in a minute are at most 3 writes.
func TestTouchesAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, cache.ExtenderOptions{})
		create(t, d, "a")
		l := d.registry.Acquire(&session.Session{ID: "a", ClientID: "acme", LastHuman: time.Now()})
		for i := range 100_000 {
			d.extender.Touch(l, session.Activity{At: time.Now(), Kind: session.Request})
			if i%10 == 9 {
				time.Sleep(6 * time.Millisecond)
			}
			if i == 9 {
				synctest.Wait()
				if d.writes.Load() != 1 {
					t.Errorf("%d writes after the first touches, want 1 at once", d.writes.Load())
				}
			}
		}
		last := time.Now().Add(-6 * time.Millisecond)
		l.Release()
		synctest.Wait()
		if n := d.writes.Load(); n > 3 {
			t.Errorf("%d writes in a minute, want at most 3", n)
		}
		time.Sleep(30 * time.Second)
		d.wantIdle(t)
		s := d.stored(t, "a")
		if !s.LastActivity.At.Equal(last) || !s.ExpiresAt.Equal(last.Add(30*time.Minute)) || s.LastActivity.Kind != session.Request {
			t.Errorf("stored are %v and a TTL until %s, want the last touch at %s", s.LastActivity, s.ExpiresAt, last)
		}
		if n := d.metric(t, "written"); n != float64(d.writes.Load()) {
			t.Errorf("%v writes are counted, want %d", n, d.writes.Load())
		}
	})
}

// TestTouchAfterRelease: the window holds when nobody holds the session in between.
func TestTouchAfterRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, cache.ExtenderOptions{})
		create(t, d, "a")
		for range 59 { // a request a second, for a minute less a second
			d.touch("a", session.Navigation)
			time.Sleep(time.Second)
		}
		if n := d.writes.Load(); n != 2 {
			t.Errorf("%d writes in a minute, want 2", n)
		}
		time.Sleep(time.Hour)
		d.wantIdle(t)
		before := d.writes.Load()
		d.touch("a", session.Navigation)
		synctest.Wait()
		if n := d.writes.Load() - before; n != 1 {
			t.Errorf("%d writes at once after a pause, want 1", n)
		}
	})
}

// TestTouchDuringWrite: what is touched while a write is on its way is written
// after it.
func TestTouchDuringWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, cache.ExtenderOptions{})
		create(t, d, "a")
		d.delay.Store(int64(500 * time.Millisecond))
		d.touch("a", session.Navigation)
		time.Sleep(100 * time.Millisecond)
		d.touch("a", session.Request)
		last := time.Now()
		time.Sleep(time.Minute)
		if s := d.stored(t, "a"); !s.LastActivity.At.Equal(last) {
			t.Errorf("stored is %s, want %s", s.LastActivity.At, last)
		}
		time.Sleep(30 * time.Second)
		d.wantIdle(t)
	})
}

func TestOutage(t *testing.T) {
	for name, silent := range map[string]bool{"refuses": false, "is silent": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, cache.ExtenderOptions{})
				const sessions = 200
				last := map[session.ID]time.Time{}
				for i := range sessions {
					create(t, d, session.ID(fmt.Sprint("s-", i)))
				}
				d.down.Store(true)
				if silent {
					d.delay.Store(int64(time.Hour))
				}
				for range 60 {
					time.Sleep(time.Second)
					for i := range sessions {
						id := session.ID(fmt.Sprint("s-", i))
						begin := time.Now()
						d.touch(id, session.Navigation)
						if time.Since(begin) != 0 {
							t.Fatal("Touch has waited for the store")
						}
						last[id] = begin
					}
				}
				if n := d.metric(t, "warmgate_session_touches_pending"); n != sessions {
					t.Errorf("%v sessions are pending, want %d", n, sessions)
				}
				if n := d.metric(t, "failed"); n < sessions || n > sessions*10 {
					t.Errorf("%v writes have failed, want some for each session", n)
				}
				d.down.Store(false)
				d.delay.Store(0)
				time.Sleep(15 * time.Second)
				for id, at := range last {
					if s := d.stored(t, id); !s.LastActivity.At.Equal(at) {
						t.Errorf("%s: stored is %s, want %s", id, s.LastActivity.At, at)
					}
				}
				time.Sleep(30 * time.Second)
				d.wantIdle(t)
			})
		})
	}
}

// TestClose: what is touched last is written at shutdown, through an outage too.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, cache.ExtenderOptions{Parallel: 4})
		for i := range 100 {
			id := session.ID(fmt.Sprint("s-", i))
			create(t, d, id)
			d.touch(id, session.Navigation)
		}
		time.Sleep(time.Second)
		for i := range 100 { // within the window: not due yet
			d.touch(session.ID(fmt.Sprint("s-", i)), session.Request)
		}
		last := time.Now()
		d.stop()
		d.down.Store(true)
		time.AfterFunc(3*time.Second, func() { d.down.Store(false) })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := d.extender.Close(ctx); err != nil {
			t.Errorf("Close = %v", err)
		}
		for i := range 100 {
			if s := d.stored(t, session.ID(fmt.Sprint("s-", i))); !s.LastActivity.At.Equal(last) {
				t.Errorf("s-%d: stored is %s, want %s", i, s.LastActivity.At, last)
			}
		}
		d.wantIdle(t)
	})
}

func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, cache.ExtenderOptions{})
		create(t, d, "a")
		d.delay.Store(int64(time.Hour))
		d.touch("a", session.Navigation)
		d.stop()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		if err := d.extender.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 5*time.Second {
			t.Errorf("Close = %v after %s, want DeadlineExceeded after 5s", err, time.Since(begin))
		}
	})
}

// TestStopWaits: Run does not leave a write behind.
func TestStopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, cache.ExtenderOptions{})
		create(t, d, "a")
		d.delay.Store(int64(500 * time.Millisecond))
		d.touch("a", session.Navigation)
		at := time.Now()
		synctest.Wait()
		d.stop()
		if s := d.stored(t, "a"); !s.LastActivity.At.Equal(at) {
			t.Errorf("stored is %s, want %s", s.LastActivity.At, at)
		}
	})
}

// TestFlush: it returns when everything before it is stored, also while a write
// of Run is on its way with less.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, cache.ExtenderOptions{})
		create(t, d, "a")
		s := d.stored(t, "a")
		l := d.registry.Acquire(&s)
		if err := d.extender.Flush(t.Context(), l); err != nil || d.writes.Load() != 0 {
			t.Errorf("Flush of nothing = %v, %d writes, want none", err, d.writes.Load())
		}
		d.delay.Store(int64(500 * time.Millisecond))
		time.Sleep(time.Second)
		d.extender.Touch(l, session.Activity{At: time.Now(), Kind: session.Request})
		time.Sleep(100 * time.Millisecond)
		for range 3 { // in the window of the one before: a management call does not wait
			at := time.Now()
			d.extender.Touch(l, session.Activity{At: at, Kind: session.Management})
			if err := d.extender.Flush(t.Context(), l); err != nil {
				t.Errorf("Flush = %v", err)
			}
			if s := d.stored(t, "a"); !s.LastActivity.At.Equal(at) || !s.LastVisit.Equal(at) {
				t.Errorf("after Flush stored is %s, want %s", s.LastActivity.At, at)
			}
		}
		l.Release()
		time.Sleep(time.Minute)
		d.wantIdle(t)
	})
}

func TestFlushFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, cache.ExtenderOptions{})
		create(t, d, "a")
		s := d.stored(t, "a")
		l := d.registry.Acquire(&s)
		d.down.Store(true)
		time.Sleep(time.Second)
		at := time.Now()
		d.extender.Touch(l, session.Activity{At: at, Kind: session.Management})
		if err := d.extender.Flush(t.Context(), l); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("Flush = %v, want ErrUnavailable", err)
		}
		d.delay.Store(int64(900 * time.Millisecond))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := d.extender.Flush(ctx, l); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush = %v, want the caller's deadline", err)
		}
		l.Release()
		d.down.Store(false)
		time.Sleep(time.Minute) // retried all the same
		if s := d.stored(t, "a"); !s.LastActivity.At.Equal(at) {
			t.Errorf("stored is %s, want %s", s.LastActivity.At, at)
		}
		d.wantIdle(t)
	})
}

// TestOverIsDropped: the activity of a session that is over is given up, and
// this replica does not go on to think it alive.
func TestOverIsDropped(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(t *testing.T, d *desk)
		want error
	}{
		"ended": {func(t *testing.T, d *desk) {
			if _, err := d.Update(t.Context(), "a", session.DrainChange("asked")); err != nil {
				t.Fatal(err)
			}
		}, session.ErrExpired},
		"TTL over": {func(*testing.T, *desk) { time.Sleep(2 * time.Millisecond) }, session.ErrExpired},
		"deleted": {func(t *testing.T, d *desk) {
			_, err := d.Update(t.Context(), "a", session.DrainChange("asked"))
			if err := errors.Join(err, d.Delete(t.Context(), "a")); err != nil {
				t.Fatal(err)
			}
		}, session.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, cache.ExtenderOptions{})
				create(t, d, "a")
				s := d.stored(t, "a")
				l := d.registry.Acquire(&s)
				time.Sleep(30*time.Minute - time.Millisecond) // a touch at the last moment
				d.stop()
				d.extender.Touch(l, session.Activity{At: time.Now(), Kind: session.Navigation})
				test.end(t, d)
				if err := d.extender.Flush(t.Context(), l); !errors.Is(err, test.want) {
					t.Errorf("Flush = %v, want %v", err, test.want)
				}
				if n := d.metric(t, "dropped"); n != 1 {
					t.Errorf("%v writes are counted as dropped, want 1", n)
				}
				if got := l.Overlay(s); !got.ExpiresAt.Equal(s.ExpiresAt) {
					t.Errorf("this replica takes it to live until %s, the store until %s", got.ExpiresAt, s.ExpiresAt)
				}
				l.Release()
				d.wantIdle(t)
			})
		})
	}
}

// TestEndAgainstTouch: in whichever order an end, touches and their writes come,
// the session stays ended and its TTL never goes backwards.
func TestEndAgainstTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, cache.ExtenderOptions{Retry: time.Millisecond})
		d.Intercept(func(_ context.Context, op storetest.Op, _ string) error {
			if op == storetest.OpUpdate {
				time.Sleep(rand.N(3 * time.Millisecond))
				if rand.IntN(4) == 0 {
					return session.ErrUnavailable
				}
			}
			return nil
		})
		for i := range 1000 {
			id := session.ID(fmt.Sprint("s-", i))
			create(t, d, id)
			s := d.stored(t, id)
			l := d.registry.Acquire(&s)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for range 5 {
						time.Sleep(rand.N(2 * time.Millisecond))
						d.extender.Touch(l, session.Activity{At: time.Now(), Kind: session.Navigation})
						if rand.IntN(2) == 0 {
							d.extender.Flush(t.Context(), l) // only the outcome in the store matters
						}
					}
				})
			}
			var ended session.Session
			wg.Go(func() {
				time.Sleep(rand.N(6 * time.Millisecond))
				for err := session.ErrUnavailable; err != nil; {
					ended, err = d.Update(t.Context(), id, session.DrainChange("asked"))
				}
			})
			wg.Wait()
			l.Release()
			if got := d.stored(t, id); got.Status != session.Draining || !got.ExpiresAt.Equal(ended.ExpiresAt) || got.ExpiresAt.Before(s.ExpiresAt) {
				t.Fatalf("round %d: %s until %s, want draining until %s", i, got.Status, got.ExpiresAt, ended.ExpiresAt)
			}
		}
		time.Sleep(time.Minute)
		d.wantIdle(t)
	})
}

func TestExtenderMetricsLint(t *testing.T) {
	reg := prometheus.NewRegistry()
	cache.NewExtender(storetest.NewMemory(), session.Clocks{}, cache.ExtenderOptions{Registerer: reg})
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

func TestTouchAllocatesNothing(t *testing.T) {
	st := storetest.NewMemory()
	create(t, st, "a")
	e := cache.NewExtender(st, session.Clocks{}, cache.ExtenderOptions{})
	s := sleeping("a")
	l := session.NewRegistry(session.Clocks{}).Acquire(&s)
	defer l.Release()
	now := time.Now()
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		e.Touch(l, session.Activity{At: now, Kind: session.Request})
	}); n != 0 {
		t.Errorf("a touch makes %v allocations, want 0", n)
	}
}
