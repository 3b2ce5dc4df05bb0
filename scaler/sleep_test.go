package scaler_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

func TestSleepHasTwoSteps(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		time.Sleep(5*time.Minute - time.Second)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
		awaitPhase(t, l, session.PhaseAsleep)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 1) // the grace
		if w.record("s1").Target.IsZero() {
			t.Error("the assignment is gone in the grace already")
		}
		time.Sleep(6 * time.Second)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
		if rec := w.record("s1"); !rec.Target.IsZero() || rec.Generation != 3 {
			t.Errorf("after the doom: target %+v, generation %d", rec.Target, rec.Generation)
		}
		w.warm(l)
		w.expect(l, session.PhaseReady, session.Active, 2, 1)
	})
}

func TestResumeInTheGrace(t *testing.T) {
	inBubble(t, script(slowStart), func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		for range 3 {
			awaitPhase(t, l, session.PhaseAsleep)
			time.Sleep(4 * time.Second)
			w.wake(l)
			w.expect(l, session.PhaseReady, session.Active, 1, 1)
			time.Sleep(10 * time.Second) // the grace of the sleep before is over
			w.expect(l, session.PhaseReady, session.Active, 1, 1)
		}
	})
}

func TestEachSleepHasItsOwnGrace(t *testing.T) {
	clocks := func(set *settings) { set.clocks = session.Clocks{IdleTimeout: 2 * time.Second} }
	inBubble(t, clocks, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		awaitPhase(t, l, session.PhaseAsleep)
		time.Sleep(2 * time.Second)
		w.wake(l)
		awaitPhase(t, l, session.PhaseAsleep)
		time.Sleep(4 * time.Second) // the grace of the first sleep is over, that of the second is not
		w.wake(l)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
	})
}

func TestUseInTheGraceIsWrittenBack(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		awaitPhase(t, l, session.PhaseAsleep)
		time.Sleep(2 * time.Second)
		l.Touch(visit().Activity) // of a request that had begun before
		awaitPhase(t, l, session.PhaseReady)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
	})
}

func TestNobodySleepsWhileSomebodyWaits(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		l.Waiters().Add(1)
		time.Sleep(10 * time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
		l.Waiters().Add(-1)
		time.Sleep(10 * time.Second)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
	})
}

func TestPresenceKeepsAwakeWithinItsLimit(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		l.Sockets().Add(1)
		time.Sleep(14 * time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
		if rec := l.Overlay(w.record("s1")); rec.LastActivity.Kind != session.Presence {
			t.Errorf("last activity = %+v, want presence", rec.LastActivity)
		}
		time.Sleep(time.Minute + 10*time.Second)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
	})
}

func TestPresenceDoesNotCutTrafficShort(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		l.Sockets().Add(1)
		time.Sleep(13 * time.Minute)
		l.Touch(request().Activity)
		time.Sleep(4 * time.Minute) // beyond the presence limit
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
		time.Sleep(70 * time.Second)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
	})
}

func TestStopWaitsForTheLastRequest(t *testing.T) {
	clocks := func(set *settings) {
		set.clocks.AwakeLimit = 6 * time.Minute
		set.clocks.PresenceLimit = 5 * time.Minute
	}
	inBubble(t, clocks, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		if _, ok := l.Enter(); !ok {
			t.Fatal("not admitted")
		}
		awaitPhase(t, l, session.PhaseAsleep)
		time.Sleep(15 * time.Second)
		if stopped := w.fake.Stopped(); len(stopped) != 0 {
			t.Errorf("stopped %v under a request", stopped)
		}
		w.warm(l) // a new generation while the old task is still there
		w.expect(l, session.PhaseReady, session.Active, 2, 2)
		l.Leave()
		time.Sleep(time.Second)
		w.expect(l, session.PhaseReady, session.Active, 2, 1)

		if _, ok := l.Enter(); !ok { // a request without an end
			t.Fatal("not admitted")
		}
		awaitPhase(t, l, session.PhaseAsleep)
		time.Sleep(36 * time.Second)
		w.expect(l, session.PhaseAsleep, session.Inactive, 2, 0)
	})
}

func TestStopIsRepeatedUntilConfirmed(t *testing.T) {
	inBubble(t, script(drivertest.Script{FailedStops: 4, StopDelay: 20 * time.Second}), func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		awaitPhase(t, l, session.PhaseAsleep)
		time.Sleep(10 * time.Second)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 1)
		time.Sleep(50 * time.Second)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
		if got := value(t, w.metrics, "warmgate_task_stop_failures_total"); got != 4 {
			t.Errorf("%v failed stops are counted, want 4", got)
		}
	})
}

func TestEndOnIdle(t *testing.T) {
	inBubble(t, func(set *settings) { set.clocks.EndOnIdle = true }, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		awaitPhase(t, l, session.PhaseEnded)
		w.expect(l, session.PhaseEnded, session.Expired, 1, 0)
		if got := w.record("s1").Cause; got != "it was not used" {
			t.Errorf("cause = %q", got)
		}
	})
}

func TestExpiry(t *testing.T) {
	inBubble(t, func(set *settings) { set.clocks.TTL = 5*time.Minute + time.Second }, func(t *testing.T, w *world) {
		awake, asleep := w.create("s1"), w.create("s2")
		w.warm(awake)
		awake.Waiters().Add(1) // does not sleep, but its life ends
		time.Sleep(6 * time.Minute)
		w.expect(awake, session.PhaseEnded, session.Expired, 1, 0)
		time.Sleep(10 * time.Minute) // the janitor has come by
		if got := w.record(asleep.ID()).Status; got != session.Expired {
			t.Errorf("the sleeping session is %s, want expired", got)
		}
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		for rec, err := range w.store.ByStatus(t.Context(), session.Statuses()...) {
			t.Errorf("%s (%v) is left after the retention", rec.ID, err)
		}
	})
}

func TestRelease(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration // of the wake
		alive int
	}{"while it starts": {2 * time.Second, 1}, "while it is served": {10 * time.Second, 1}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, script(slowStart), func(t *testing.T, w *world) {
				l := w.create("s1")
				w.wake(l)
				time.Sleep(test.after)
				_, admitted := l.Enter()
				if _, err := w.store.Update(t.Context(), "s1", session.DrainChange("enough")); err != nil {
					t.Fatal(err)
				}
				w.Release(l)
				if got := phase(l); got != session.PhaseEnded {
					t.Errorf("phase = %s, want ended at once", got)
				}
				if admitted {
					time.Sleep(3 * time.Second)
					w.expect(l, session.PhaseEnded, session.Draining, 1, 1) // its request is not through
					l.Leave()
				}
				time.Sleep(time.Second)
				w.expect(l, session.PhaseEnded, session.Expired, 1, 0)
				if got := w.record("s1").Cause; got != "enough" {
					t.Errorf("cause = %q, want the one it was ended with", got)
				}
			})
		})
	}
}

func TestReleaseWithTheStoreDown(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		if _, err := w.store.Update(t.Context(), "s1", session.DrainChange("enough")); err != nil {
			t.Fatal(err)
		}
		w.store.down.Store(true)
		w.Release(l)
		time.Sleep(5 * time.Minute)
		w.store.down.Store(false)
		time.Sleep(time.Minute)
		w.expect(l, session.PhaseEnded, session.Expired, 1, 0)
	})
}

// TestWakeAgainstSleep lets visits come at any moment of falling asleep, of the
// grace, of the doom and of the stop.
func TestWakeAgainstSleep(t *testing.T) {
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			between := func(longest time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(longest))) }
			plan := drivertest.Script{
				RunsAfter: between(time.Second), AnswersAfter: between(2 * time.Second), StopDelay: between(2 * time.Second),
			}
			starts := make(map[int64]int)
			var w *world
			w = newWorld(t, func(set *settings) {
				set.plan = func(int, scaler.TaskSpec) drivertest.Script {
					rec := w.record("s1")
					starts[rec.Generation]++
					if rec.Status != session.Initializing || !rec.Target.IsZero() || starts[rec.Generation] > 1 {
						t.Errorf("start %d of generation %d: the session is %s and has %+v",
							starts[rec.Generation], rec.Generation, rec.Status, rec.Target)
					}
					return plan
				}
				set.clocks = session.Clocks{IdleTimeout: 10 * time.Second, PresenceLimit: 10 * time.Second}
				set.StopGrace = time.Second
			})
			w.begin()
			l := w.create("s1")
			var visitors sync.WaitGroup
			for range 6 {
				delay, takes := between(time.Minute), between(3*time.Second)
				visitors.Go(func() {
					time.Sleep(delay)
					visitOnce(t, w, l, takes)
				})
			}
			visitors.Wait()
			time.Sleep(time.Minute)
			w.expect(l, session.PhaseAsleep, session.Inactive, len(w.fake.Started()), 0)
			w.stop()
		})
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// visitOnce does what the proxy does for a navigation: wake, wait, forward.
func visitOnce(t *testing.T, w *world, l *session.Live, takes time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l.Waiters().Add(1)
	waiting := true
	defer func() {
		if waiting {
			l.Waiters().Add(-1)
		}
	}()
	for {
		if b, ok := l.Enter(); ok {
			l.Waiters().Add(-1)
			waiting = false
			time.Sleep(takes)
			if !isAlive(w, b.Target.TaskID) {
				t.Errorf("%s was stopped under a request", b.Target.TaskID)
			}
			l.Touch(visit().Activity)
			l.Leave()
			return
		}
		b, changed := l.Backend()
		if b.Phase == session.PhaseAsleep {
			if err := w.Wake(ctx, l, visit()); err != nil {
				t.Errorf("Wake: %v", err)
				return
			}
		}
		if now, _ := l.Backend(); now != b || b.Phase == session.PhaseReady {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Errorf("the visit got nowhere: %s", b.Phase)
			return
		}
	}
}

func isAlive(w *world, id string) bool {
	tasks, _ := w.fake.Tasks(context.Background())
	return slices.ContainsFunc(tasks, func(task scaler.Task) bool { return task.ID == id && task.State == scaler.TaskRunning })
}
