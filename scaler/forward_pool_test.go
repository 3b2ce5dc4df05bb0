package scaler_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

// forward is a pool that forward rules use and that has no idle timeout.
func forward(set *settings) {
	set.pool = scaler.Pool{Name: "hermes", Key: "hermes"}
	set.StaysUp = func(pool string) bool { return pool == "hermes" }
}

// startOutside has the driver run tasks that no scaler has asked for.
func startOutside(t *testing.T, f *drivertest.Fake, pool string, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		if _, err := f.Start(t.Context(), scaler.TaskSpec{Pool: pool, Key: pool, Base: "/", Token: token}); err != nil {
			t.Fatal(err)
		}
	}
}

// poolRecord returns the live state of the pool's own record, made if there is none.
func (w *world) poolRecord(pool string) *session.Live {
	w.t.Helper()
	rec, err := w.all.Session(w.t.Context(), session.PoolID(pool))
	if err != nil {
		rec = session.NewPoolRecord(pool, time.Now())
		if err := w.all.Create(w.t.Context(), rec); err != nil {
			w.t.Fatal(err)
		}
	}
	l := w.registry.Acquire(&rec)
	w.t.Cleanup(l.Release)
	return l
}

// TestForwardPoolKeepsWhatItFinds: what runs before anybody has called may have
// other work to do, such as a queue.
func TestForwardPoolKeepsWhatItFinds(t *testing.T) {
	for _, shared := range []bool{false, true} {
		found := func(set *settings) {
			forward(set)
			set.shared, set.polled = shared, shared
			startOutside(t, set.fake, "hermes", "found/1", "found/2", "found/3")
		}
		inBubble(t, found, func(_ *testing.T, w *world) {
			time.Sleep(time.Hour)
			w.expectKeys("that nobody has called", "hermes", "hermes", "hermes")
			w.warm(w.poolRecord("hermes"))
			time.Sleep(time.Hour)
			w.expectKeys("an hour after a call", "hermes", "hermes", "hermes")
			if n := len(w.fake.Started()); n != 3 {
				w.t.Errorf("%d tasks were started, want the 3 that were found", n)
			}
		})
	}
}

func TestForwardPoolReplacesALostTask(t *testing.T) {
	inBubble(t, forward, func(_ *testing.T, w *world) {
		l := w.poolRecord("hermes")
		w.warm(l)
		time.Sleep(time.Hour)
		w.fake.Kill("fake-0", "out of memory")
		time.Sleep(time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 2, 1)
	})
}

func TestForwardPoolReplacesATaskThatIsGoneAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, forward)
		w.begin()
		w.warm(w.poolRecord("hermes"))
		w.stop() // its task ends with it

		next := newWorld(t, func(set *settings) { forward(set); set.store = w.store })
		next.begin()
		l := next.poolRecord("hermes")
		awaitPhase(t, l, session.PhaseReady)
		next.expect(l, session.PhaseReady, session.Active, 1, 1)
		next.stop()
	})
}

// TestForwardPoolWithIdleTimeoutGoes: one that says when it may sleep does so.
func TestForwardPoolWithIdleTimeoutGoes(t *testing.T) {
	timed := func(set *settings) {
		forward(set)
		set.StaysUp = nil
		set.clocks.Pools = map[string]time.Duration{"hermes": 10 * time.Minute}
		startOutside(t, set.fake, "hermes", "found/1", "found/2")
	}
	inBubble(t, timed, func(t *testing.T, w *world) {
		l := w.poolRecord("hermes")
		w.warm(l)
		time.Sleep(time.Hour)
		w.expect(l, session.PhaseAsleep, session.Inactive, 2, 0)
	})
}
