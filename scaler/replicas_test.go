package scaler_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/session"
)

// inReplicas runs f in a bubble with two scalers that share the store and the
// driver's tasks, and nothing else.
func inReplicas(t *testing.T, f func(t *testing.T, a, b *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := newWorld(t, func(set *settings) { script(slowStart)(set); set.polled, set.shared = true, true })
		b := newWorld(t, func(set *settings) {
			set.store, set.fake, set.polled, set.shared = a.store, a.fake, true, true
			script(slowStart)(set)
		})
		a.begin()
		b.begin()
		f(t, a, b)
		a.fake.Outlive(true)
		a.stop()
		a.fake.Outlive(false)
		b.stop()
	})
}

func TestReplicasStartOneTask(t *testing.T) {
	inReplicas(t, func(t *testing.T, a, b *world) {
		lives := map[*world]*session.Live{a: a.create("s1")}
		lives[b] = b.live("s1")
		var wakes sync.WaitGroup
		for w, l := range lives {
			for range 10 {
				wakes.Go(func() {
					if err := w.Wake(t.Context(), l, request()); err != nil {
						t.Errorf("Wake: %v", err)
					}
					awaitPhase(t, l, session.PhaseReady)
				})
			}
		}
		wakes.Wait()
		a.expect(lives[a], session.PhaseReady, session.Active, 1, 1)
		b.expect(lives[b], session.PhaseReady, session.Active, 1, 1)
		one, _ := lives[a].Backend()
		other, _ := lives[b].Backend()
		if one.Target.TaskID != other.Target.TaskID {
			t.Errorf("the replicas send requests to %+v and %+v", one.Target, other.Target)
		}
	})
}

func TestReplicaAdoptsTheTaskOfAnother(t *testing.T) {
	inReplicas(t, func(t *testing.T, a, b *world) {
		first := a.create("s1")
		a.warm(first)
		second := b.live("s1")
		b.wake(second)
		b.expect(second, session.PhaseReady, session.Active, 1, 1)

		// Both put it to sleep; either of them may be the first.
		time.Sleep(6 * time.Minute)
		a.expect(first, session.PhaseAsleep, session.Inactive, 1, 0)
		b.expect(second, session.PhaseAsleep, session.Inactive, 1, 0)
		b.warm(second)
		b.expect(second, session.PhaseReady, session.Active, 2, 1)
	})
}

func TestReplicaFindsThatTheTaskIsGone(t *testing.T) {
	inReplicas(t, func(t *testing.T, a, b *world) {
		first := a.create("s1")
		served := a.warm(first)
		a.fake.Kill(served.Target.TaskID, "out of memory")
		second := b.live("s1")
		b.warm(second) // before the first replica has noticed
		b.expect(second, session.PhaseReady, session.Active, 2, 1)
	})
}

// TestReplicaTakesATaskBackThatAnotherServesFrom: both replicas have given a start
// up that could not be recorded; then one of them does so after all.
func TestReplicaTakesATaskBackThatAnotherServesFrom(t *testing.T) {
	inReplicas(t, func(t *testing.T, a, b *world) {
		first := a.create("s1")
		second := b.live("s1")
		a.wake(first)
		b.wake(second)
		a.store.down.Store(true)
		time.Sleep(90 * time.Second)
		a.store.down.Store(false)
		for _, l := range []*session.Live{first, second} {
			if got := phase(l); got != session.PhaseFailed {
				t.Fatalf("after an outage of the store it is %s, want failed", got)
			}
		}
		a.warm(first)
		b.warm(second)
		a.expect(first, session.PhaseReady, session.Active, 1, 1)
		b.expect(second, session.PhaseReady, session.Active, 1, 1)
		time.Sleep(2 * time.Minute)
		a.expect(first, session.PhaseReady, session.Active, 1, 1)
		if n := b.tasks(t); n != 1 {
			t.Errorf("%d tasks count for the second replica, want 1", n)
		}
		time.Sleep(10 * time.Minute)
		a.expect(first, session.PhaseAsleep, session.Inactive, 1, 0)
		b.expect(second, session.PhaseAsleep, session.Inactive, 1, 0)
	})
}

// tasks returns how many tasks the scaler knows, in whatever state.
func (w *world) tasks(t *testing.T) int {
	t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "warmgate_tasks" {
				n += m.GetGauge().GetValue()
			}
		}
	}
	return int(n)
}
