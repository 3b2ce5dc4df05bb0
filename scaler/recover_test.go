package scaler_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// crash ends the world without a word to the driver or the store: nothing of
// it goes on but the tasks. It returns a world that finds what it has left.
func (w *world) crash(change func(*settings)) *world {
	w.t.Helper()
	w.fake.Outlive(true)
	w.stop()
	w.fake.Outlive(false)
	next := newWorld(w.t, func(set *settings) {
		if change != nil {
			change(set)
		}
		set.store, set.fake = w.store, w.fake
	})
	next.begin()
	return next
}

func (w *world) live(id session.ID) *session.Live {
	rec := w.record(id)
	l := w.registry.Acquire(&rec)
	w.t.Cleanup(l.Release)
	return l
}

func TestRecoverWithoutTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, script(slowStart))
		w.begin()
		w.warm(w.create("active"))
		w.wake(w.create("initializing"))
		w.warm(w.create("draining"))
		if _, err := w.store.Update(t.Context(), "draining", session.DrainChange("enough")); err != nil {
			t.Fatal(err)
		}
		w.create("inactive")
		w.stop() // the tasks end with it

		next := newWorld(t, func(set *settings) { set.store = w.store })
		next.begin()
		synctest.Wait()
		for id, want := range map[session.ID]session.Status{
			"active": session.Inactive, "initializing": session.Inactive,
			"draining": session.Expired, "inactive": session.Inactive,
		} {
			if got := next.record(id).Status; got != want {
				t.Errorf("the session that was %s is %s, want %s", id, got, want)
			}
		}
		next.warm(next.live("active"))
		next.stop()
	})
}

func TestRecoverFindsItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, script(slowStart))
		w.begin()
		w.warm(w.create("active"))
		w.warm(w.create("dozing"))
		w.warm(w.create("ended"))
		time.Sleep(4*time.Minute + 40*time.Second)
		for _, id := range []session.ID{"active", "ended"} {
			l := w.live(id)
			l.Touch(visit().Activity)
			if err := (extender{w.store}).Flush(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		awaitPhase(t, w.live("dozing"), session.PhaseAsleep)
		w.wake(w.create("initializing"))
		synctest.Wait()
		if _, err := w.store.Update(t.Context(), "ended", session.DrainChange("while nobody looked")); err != nil {
			t.Fatal(err)
		}
		next := w.crash(script(slowStart))
		awaitPhase(t, next.live("initializing"), session.PhaseReady)
		next.expect(next.live("active"), session.PhaseReady, session.Active, 4, 2)
		time.Sleep(2 * time.Minute)
		next.expect(next.live("dozing"), session.PhaseAsleep, session.Inactive, 4, 2)
		if rec := next.record("dozing"); !rec.Target.IsZero() {
			t.Errorf("the task of the sleeping session was stopped, and its record still names %+v", rec.Target)
		}
		if got := next.record("ended").Status; got != session.Expired {
			t.Errorf("the session that was ended is %s", got)
		}
		next.stop()
	})
}

func TestRecoverFindsSharedTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, shared)
		w.begin()
		w.warm(w.create("s1"))
		w.warm(w.create("s2"))
		next := w.crash(shared)
		for _, id := range []session.ID{"s1", "s2"} {
			next.expect(next.live(id), session.PhaseReady, session.Active, 1, 1)
		}
		time.Sleep(8 * time.Minute)
		next.expect(next.live("s1"), session.PhaseAsleep, session.Inactive, 1, 0)
		next.stop()
	})
}

func TestOrphansAreStopped(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		// Somebody else has started a task and is gone.
		if _, err := w.fake.Start(t.Context(), scaler.TaskSpec{Pool: "edit", Key: "s9", SessionID: "s9", Token: "edit/s9/s9/7/0"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if got := len(w.fake.Alive()); got != 1 {
			t.Errorf("%d tasks are alive, want 1: its owner may be at work", got)
		}
		time.Sleep(70 * time.Second)
		if got := len(w.fake.Alive()); got != 0 {
			t.Errorf("%d tasks are alive, want none", got)
		}
	})
}

func TestSessionsThatNobodyStartsArePutRight(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		// Another replica wrote the wake, and died.
		if _, err := w.store.Update(t.Context(), "s1", session.WakeChange(1, visit(), 30*time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		w.expect(l, session.PhaseAsleep, session.Initializing, 0, 0)
		time.Sleep(2 * time.Minute)
		w.expect(l, session.PhaseAsleep, session.Inactive, 0, 0)
	})
}

func TestStartOfAnotherIsJoined(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		if _, err := w.store.Update(t.Context(), "s1", session.WakeChange(1, visit(), 30*time.Minute)); err != nil {
			t.Fatal(err)
		}
		w.warm(l)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
		if got := w.record("s1").Generation; got != 2 {
			t.Errorf("generation = %d, want that of the start under way, 2", got)
		}
	})
}

func TestEndByAnotherIsFollowed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		if _, err := w.store.Update(t.Context(), "s1", session.DrainChange("enough")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.expect(l, session.PhaseEnded, session.Expired, 1, 0)
	})
}

func TestEndIsShownToThoseWhoOnlyWatch(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		asleep, served := w.create("asleep"), w.create("served")
		w.warm(served)
		if _, err := w.store.Update(t.Context(), "served", session.DrainChange("enough")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.Update(t.Context(), "served", session.EndChange("enough")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second) // another replica has ended it
		w.expect(served, session.PhaseEnded, session.Expired, 1, 0)
		time.Sleep(30 * time.Minute) // its TTL is over
		w.expect(asleep, session.PhaseEnded, session.Expired, 1, 0)
	})
}

func TestEstimatesSurvive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, script(slowStart))
		w.begin()
		w.warm(w.create("s1"))
		w.stop()
		next := newWorld(t, func(set *settings) { script(slowStart)(set); set.store = w.store })
		next.begin()
		l := next.live("s1")
		next.wake(l)
		b, _ := l.Backend()
		if want := (session.Estimate{Median: 5 * time.Second, P90: 5 * time.Second, Samples: 1}); b.Estimate != want {
			t.Errorf("Estimate = %+v, want %+v", b.Estimate, want)
		}
		next.stop()
	})
}
