package scaler_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

// inTheHours gives every group of the pool with the key one task on Saturdays
// and Sundays from 1 to 3: bubbles begin at midnight on a Saturday.
func inTheHours(key string, clients ...session.ClientID) func(*settings) {
	return func(set *settings) {
		set.pool.Key, set.pool.Clients = key, map[session.ClientID]scaler.Limits{}
		for _, client := range clients {
			set.pool.Clients[client] = scaler.Limits{}
		}
		set.pool.Warm = []scaler.Warm{{Days: "sat,sun", Hours: "1-3", TimeZone: "UTC", Tasks: 1}}
		script(drivertest.Script{ListensAfter: 20 * time.Second})(set)
	}
}

// sleepUntil sleeps until the hour of the bubble's first day.
func sleepUntil(hour float64) {
	midnight := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	time.Sleep(time.Until(midnight.Add(time.Duration(hour * float64(time.Hour)))))
	synctest.Wait()
}

// expectKeys compares the keys of the tasks that are alive.
func (w *world) expectKeys(when string, want ...string) {
	w.t.Helper()
	synctest.Wait()
	var got []string
	for _, spec := range w.fake.Alive() {
		got = append(got, spec.Key)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("keys of the tasks %s (-want +got):\n%s", when, diff)
	}
}

func TestWarmTaskIsThereBeforeAnybodyComes(t *testing.T) {
	inBubble(t, inTheHours("edit"), func(t *testing.T, w *world) {
		sleepUntil(0.99)
		w.expectKeys("before 1")
		sleepUntil(1.02)
		w.expectKeys("at 1", "edit")

		l := w.create("s1")
		came := time.Now()
		w.warm(l)
		if waited := time.Since(came); waited > time.Second {
			t.Errorf("the first visitor waited %v", waited)
		}
		sleepUntil(1.2)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 1) // nobody is left, the task stays

		sleepUntil(2.9)
		late := w.create("s2")
		w.warm(late)
		sleepUntil(3.01)
		w.expect(late, session.PhaseAsleep, session.Inactive, 1, 1) // the policy's cooldown
		sleepUntil(3.1)
		w.expectKeys("after 3")

		later := w.create("s3")
		w.warm(later)
		w.expect(later, session.PhaseReady, session.Active, 2, 1)
	})
}

func TestWarmTasksOfClients(t *testing.T) {
	inBubble(t, inTheHours("{client}", "bolt", "cobalt"), func(t *testing.T, w *world) {
		sleepUntil(1.1)
		w.expectKeys("of the clients known by name", "bolt", "cobalt")
		for _, spec := range w.fake.Started() {
			if string(spec.ClientID) != spec.Key || spec.SessionID != "" || spec.Base != "/" {
				t.Errorf("a warm task was started for %+v", spec)
			}
		}
		w.warm(w.create("s1")) // of acme
		sleepUntil(2)
		w.expectKeys("after another has come", "acme", "bolt", "cobalt")
		sleepUntil(3.1)
		w.expectKeys("after 3")
	})
}

func TestWarmTasksAreNoMoreThanTheCeiling(t *testing.T) {
	few := func(set *settings) {
		inTheHours("{client}", "bolt", "cobalt", "dynamo")(set)
		set.pool.Maximum = 2
	}
	inBubble(t, few, func(t *testing.T, w *world) {
		sleepUntil(1.1)
		if n := len(w.fake.Alive()); n != 2 {
			t.Errorf("%d warm tasks, want 2", n)
		}
		err := w.Wake(t.Context(), w.create("s1"), visit())
		wantError(t, err, session.ErrCapacity)
	})
}

func TestLostWarmTaskIsReplaced(t *testing.T) {
	inBubble(t, inTheHours("edit"), func(t *testing.T, w *world) {
		sleepUntil(2)
		w.fake.Kill("fake-0", "out of memory")
		time.Sleep(2 * time.Second)
		w.expectKeys("after the loss", "edit")
		if n := len(w.fake.Started()); n != 2 {
			t.Errorf("%d tasks were started, want 2", n)
		}
	})
}

func TestWarmTaskThatDoesNotLastIsNotStartedAllTheTime(t *testing.T) {
	broken := func(set *settings) {
		inTheHours("edit")(set)
		script(drivertest.Script{DiesAfter: 10 * time.Second, Cause: "exit 1"})(set)
	}
	inBubble(t, broken, func(t *testing.T, w *world) {
		sleepUntil(2)
		// 5 s, 10 s, ... 5 min apart, and 10 s of life each.
		if n := len(w.fake.Started()); n < 12 || n > 18 {
			t.Errorf("%d tasks were started in an hour, want 12 to 18", n)
		}
	})
}

func TestReplicasStartOneWarmTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		warm := inTheHours("edit")
		a := newWorld(t, func(set *settings) { warm(set); set.polled = true })
		b := newWorld(t, func(set *settings) { warm(set); set.store, set.fake, set.polled = a.store, a.fake, true })
		a.begin()
		time.Sleep(300 * time.Millisecond) // their sweeps come at other times
		b.begin()
		sleepUntil(1.5)
		a.expectKeys("of two replicas", "edit")
		a.fake.Kill("fake-0", "out of memory")
		sleepUntil(2)
		a.expectKeys("after a loss", "edit")
		if n := len(a.fake.Started()); n != 2 {
			t.Errorf("%d tasks were started, want 2", n)
		}
		sleepUntil(3.5)
		a.expectKeys("after 3")
		a.stop()
		b.stop()
	})
}
