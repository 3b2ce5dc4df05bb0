package scaler_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// amongOthers is a pool whose tasks are shared, by sessions and with replicas.
func amongOthers(set *settings) {
	shared(set)
	set.shared = true
}

// leave writes a record of cordons as a replica that has died has left it.
func (w *world) leave(cordons string) {
	w.t.Helper()
	if _, err := w.store.PutRecord(w.t.Context(), "cordons/edit", []byte(cordons), 0); err != nil {
		w.t.Fatal(err)
	}
}

// startOfAnother starts a task that this replica knows nothing of.
func (w *world) startOfAnother() string {
	w.t.Helper()
	id, err := w.fake.Start(w.t.Context(), scaler.TaskSpec{Pool: "edit", Key: "acme", ClientID: "acme", Base: "/", Token: "another's"})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// sessionOfAnother stores a session that nobody here deals with.
func (w *world) sessionOfAnother(id session.ID, target session.Target, status session.Status) {
	w.t.Helper()
	now := time.Now()
	err := w.store.Create(w.t.Context(), session.Session{
		ID: id, ClientID: "acme", Status: status, Pool: "edit", Generation: 2, Target: target,
		CreatedAt: now, AwakeSince: now, ExpiresAt: now.Add(time.Hour), LastActivity: visit().Activity,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestTaskIsCordonedThenDoomedThenStopped(t *testing.T) {
	inBubble(t, amongOthers, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		began := time.Now()
		var events []string
		var at []time.Duration
		w.store.Intercept(func(_ context.Context, op storetest.Op, key string) error {
			if key == "cordons/edit" && op == storetest.OpPutRecord {
				events, at = append(events, "cordons are written"), append(at, time.Since(began))
			}
			return nil
		})
		for len(w.fake.Stopped()) == 0 && time.Since(began) < time.Hour {
			time.Sleep(time.Second)
		}
		events = append(events, fmt.Sprint(w.fake.Stopped(), " are stopped"))
		want := []string{"cordons are written", "cordons are written", "[fake-0] are stopped"}
		if diff := cmp.Diff(want, events); diff != "" {
			t.Fatalf("what happens (-want +got):\n%s", diff)
		}
		if wait := at[1] - at[0]; wait < 30*time.Second {
			t.Errorf("the task is doomed %s after it was cordoned, want the drain timeout at least", wait)
		}
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
	})
}

func TestWhatTheDeadHasDoomedIsStopped(t *testing.T) {
	inBubble(t, amongOthers, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		w.leave(fmt.Sprintf(`{%q: {"by": "dead", "doomed": true, "at": %q}}`, w.startOfAnother(), time.Now().Format(time.RFC3339)))
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"fake-1"}, w.fake.Stopped()); diff != "" {
			t.Errorf("stopped (-want +got):\n%s", diff)
		}
		w.expect(l, session.PhaseReady, session.Active, 2, 1)
	})
}

// A session that is given a doomed task, before that is known here, gets another.
func TestDoomedTaskServesNobody(t *testing.T) {
	inBubble(t, amongOthers, func(t *testing.T, w *world) {
		w.warm(w.create("s1"))
		w.leave(fmt.Sprintf(`{"fake-0": {"by": "another", "doomed": true, "at": %q}}`, time.Now().Format(time.RFC3339)))
		l := w.create("s2")
		b := w.warm(l)
		if b.Target.TaskID == "fake-0" {
			t.Error("the session is served by the doomed task")
		}
		w.expect(l, session.PhaseReady, session.Active, 2, 1)
	})
}

func TestCordonOfTheDead(t *testing.T) {
	inBubble(t, amongOthers, func(t *testing.T, w *world) {
		id := w.startOfAnother()
		w.leave(fmt.Sprintf(`{%q: {"by": "dead", "at": %q}}`, id, time.Now().Format(time.RFC3339)))
		time.Sleep(40 * time.Second) // it is found, and nobody's
		l := w.create("s1")
		if b := w.warm(l); b.Target.TaskID != id {
			t.Errorf("the session is served by %s, want %s", b.Target.TaskID, id)
		}
		if r, err := w.store.Record(t.Context(), "cordons/edit"); err != nil || string(r.Value) != "{}" {
			t.Errorf("the cordons are %s (%v), want none", r.Value, err)
		}
		w.leaveAgain(id)
		time.Sleep(10 * time.Minute)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
	})
}

// leaveAgain leaves the task's cordon behind once more.
func (w *world) leaveAgain(id string) {
	w.t.Helper()
	r, err := w.store.Record(w.t.Context(), "cordons/edit")
	if err == nil {
		value := fmt.Sprintf(`{%q: {"by": "dead", "at": %q}}`, id, time.Now().Format(time.RFC3339))
		_, err = w.store.PutRecord(w.t.Context(), "cordons/edit", []byte(value), r.Version)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// The replica that put a session to sleep has died before the second step.
func TestForgottenSleeperDoesNotKeepTheTask(t *testing.T) {
	inBubble(t, amongOthers, func(t *testing.T, w *world) {
		l := w.create("s1")
		served := w.warm(l)
		w.sessionOfAnother("s2", served.Target, session.Inactive)
		time.Sleep(10 * time.Minute)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
		if got := w.record("s2"); !got.Target.IsZero() || got.Generation != 3 {
			t.Errorf("s2 is at %+v, generation %d; want at none, in another generation", got.Target, got.Generation)
		}
	})
}

// A session of another replica keeps the task, however little is known of it here.
func TestTaskOfAnothersSessionIsKept(t *testing.T) {
	down := atomic.Bool{}
	inBubble(t, func(set *settings) { amongOthers(set); set.ReconcileInterval = time.Hour }, func(t *testing.T, w *world) {
		l := w.create("s1")
		served := w.warm(l)
		w.sessionOfAnother("s2", served.Target, session.Active)
		time.Sleep(12 * time.Minute)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 1)
		// The records cannot be read: nothing is stopped by that, either.
		w.store.Intercept(func(_ context.Context, op storetest.Op, _ string) error {
			if down.Load() && op == storetest.OpByStatus {
				return session.ErrUnavailable
			}
			return nil
		})
		down.Store(true)
		if _, err := w.store.Update(t.Context(), "s2", session.LostChange(2)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 1)
		down.Store(false)
		time.Sleep(5 * time.Minute)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
	})
}

// What the fence costs: one read for each time a session is woken, one in 30 s
// while the pool has tasks, and nothing for a session that is served.
func TestCordonsAreReadOncePerWake(t *testing.T) {
	inBubble(t, amongOthers, func(t *testing.T, w *world) {
		var reads, writes atomic.Int32
		w.store.Intercept(func(_ context.Context, op storetest.Op, key string) error {
			if strings.HasPrefix(key, "cordons/") {
				if op == storetest.OpRecord {
					reads.Add(1)
				} else {
					writes.Add(1)
				}
			}
			return nil
		})
		time.Sleep(10*time.Minute + 5*time.Second)
		if n := reads.Load(); n != 0 {
			t.Errorf("a pool without tasks takes %d reads, want none", n)
		}
		first := w.create("s1")
		w.warm(first)
		second := w.create("s2")
		w.warm(second)
		if n := reads.Load(); n != 2 {
			t.Errorf("two wakes take %d reads, want 2", n)
		}
		reads.Store(0)
		for range 60 {
			time.Sleep(5 * time.Second)
			first.Touch(visit().Activity)
			second.Touch(visit().Activity)
		}
		if n := reads.Load(); n != 10 {
			t.Errorf("five minutes of use take %d reads, want 10", n)
		}
		if n := writes.Load(); n != 0 {
			t.Errorf("%d writes, want none", n)
		}
	})
}
