package scaler_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

// shared makes the sessions of a client share tasks: one for up to two, three
// for three and more.
func shared(set *settings) {
	set.pool.Key = "{client}"
	set.pool.Steps = scaler.Steps{1: 1, 3: 3}
	script(drivertest.Script{ListensAfter: time.Second})(set)
}

// use returns how many of the sessions each task serves.
func use(lives []*session.Live) map[string]int {
	n := make(map[string]int)
	for _, l := range lives {
		if b, _ := l.Backend(); b.Phase == session.PhaseReady {
			n[b.Target.TaskID]++
		}
	}
	return n
}

func TestSharedPoolFollowsItsSteps(t *testing.T) {
	inBubble(t, shared, func(t *testing.T, w *world) {
		var lives []*session.Live
		for n := range 9 {
			l := w.create(session.ID(fmt.Sprintf("s%d", n)))
			lives = append(lives, l)
			w.warm(l)
			want := 1
			if n >= 2 {
				want = 3
			}
			if got := len(w.fake.Started()); got != want {
				t.Errorf("%d sessions have %d tasks, want %d", n+1, got, want)
			}
			time.Sleep(2 * time.Second) // further tasks become ready
		}
		want := map[string]int{"fake-0": 3, "fake-1": 3, "fake-2": 3} // new ones go to the least loaded
		if diff := cmp.Diff(want, use(lives)); diff != "" {
			t.Errorf("sessions by task (-want +got):\n%s", diff)
		}
	})
}

func TestSharedStartIsJoined(t *testing.T) {
	inBubble(t, shared, func(t *testing.T, w *world) {
		first, second := w.create("s1"), w.create("s2")
		w.wake(first)
		time.Sleep(500 * time.Millisecond)
		w.wake(second)
		awaitPhase(t, second, session.PhaseReady)
		w.expect(first, session.PhaseReady, session.Active, 1, 1)
		w.expect(second, session.PhaseReady, session.Active, 1, 1)
	})
}

func TestScaleInWaitsForTheCooldown(t *testing.T) {
	inBubble(t, shared, func(t *testing.T, w *world) {
		var lives []*session.Live
		for n := range 3 {
			l := w.create(session.ID(fmt.Sprintf("s%d", n)))
			lives = append(lives, l)
			w.warm(l)
			time.Sleep(2 * time.Second)
		}
		keep := lives[0]
		for range 4 * 60 / 10 { // the others fall asleep after 5 min
			time.Sleep(10 * time.Second)
			keep.Touch(visit().Activity)
		}
		time.Sleep(59 * time.Second)
		keep.Touch(visit().Activity)
		time.Sleep(10 * time.Second)
		if got := phase(lives[2]); got != session.PhaseAsleep {
			t.Fatalf("the idle session is %s", got)
		}
		w.expect(keep, session.PhaseReady, session.Active, 3, 3)
		time.Sleep(63 * time.Second)
		w.expect(keep, session.PhaseReady, session.Active, 3, 1)
		b, _ := keep.Backend()
		if b.Target.TaskID != "fake-0" {
			t.Errorf("the session moved to %s", b.Target.TaskID)
		}
		time.Sleep(7 * time.Minute)
		w.expect(keep, session.PhaseAsleep, session.Inactive, 3, 0)
	})
}

func TestSharedTaskOutlivesOneOfItsSessions(t *testing.T) {
	inBubble(t, shared, func(t *testing.T, w *world) {
		first, second := w.create("s1"), w.create("s2")
		w.warm(first)
		w.warm(second)
		if _, err := w.store.Update(t.Context(), "s1", session.DrainChange("enough")); err != nil {
			t.Fatal(err)
		}
		w.Release(first)
		time.Sleep(2 * time.Minute)
		w.expect(first, session.PhaseEnded, session.Expired, 1, 1)
		w.expect(second, session.PhaseReady, session.Active, 1, 1)
	})
}

func TestSiblingTakesOverAFailedStart(t *testing.T) {
	plan := func(set *settings) {
		shared(set)
		set.pool.Steps = scaler.Steps{1: 2}
		set.plan = func(n int, _ scaler.TaskSpec) drivertest.Script {
			if n == 0 {
				return drivertest.Script{ListensAfter: time.Minute, DiesAfter: time.Second}
			}
			return drivertest.Script{ListensAfter: 3 * time.Second}
		}
	}
	inBubble(t, plan, func(t *testing.T, w *world) {
		l := w.create("s1")
		w.wake(l)
		for {
			b, changed := l.Backend()
			if b.Phase == session.PhaseReady {
				break
			}
			if b.Phase == session.PhaseFailed {
				t.Fatalf("failed: %v", b.Err)
			}
			<-changed
		}
		time.Sleep(10 * time.Second)
		w.expect(l, session.PhaseReady, session.Active, 3, 2) // the one that failed was replaced
	})
}

func TestLostSharedTask(t *testing.T) {
	inBubble(t, shared, func(t *testing.T, w *world) {
		lives := []*session.Live{w.create("s1"), w.create("s2")}
		for _, l := range lives {
			w.warm(l)
			l.Waiters().Add(1)
		}
		w.fake.Kill("fake-0", "out of memory")
		synctest.Wait()
		for _, l := range lives {
			awaitPhase(t, l, session.PhaseReady)
			w.expect(l, session.PhaseReady, session.Active, 2, 1)
		}
	})
}
