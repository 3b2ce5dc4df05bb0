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
