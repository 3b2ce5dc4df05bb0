package scaler_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

func TestLostTask(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		b := w.warm(l)
		w.fake.Kill(b.Target.TaskID, "out of memory")
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
		if rec := w.record("s1"); !rec.Target.IsZero() {
			t.Errorf("the record still names %+v", rec.Target)
		}
		w.warm(l)
		w.expect(l, session.PhaseReady, session.Active, 2, 1)
	})
}

func TestLostTaskInTheGrace(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		b := w.warm(l)
		awaitPhase(t, l, session.PhaseAsleep)
		w.fake.Kill(b.Target.TaskID, "out of memory")
		synctest.Wait()
		w.warm(l)
		w.expect(l, session.PhaseReady, session.Active, 2, 1)
	})
}

func TestLostTaskIsStartedAnewForThoseWhoWait(t *testing.T) {
	inBubble(t, script(slowStart), func(t *testing.T, w *world) {
		l := w.create("s1")
		b := w.warm(l)
		l.Waiters().Add(1)
		w.fake.Kill(b.Target.TaskID, "out of memory")
		synctest.Wait()
		if got := phase(l); !got.Warming() {
			t.Errorf("phase = %s, want a start under way", got)
		}
		awaitPhase(t, l, session.PhaseReady)
		w.expect(l, session.PhaseReady, session.Active, 2, 1)
	})
}

func TestTasksThatDieRightAfterTheirStart(t *testing.T) {
	inBubble(t, script(drivertest.Script{DiesAfter: 2 * time.Second, Cause: "bad config"}), func(t *testing.T, w *world) {
		l := w.create("s1")
		l.Waiters().Add(1)
		w.wake(l)
		b := awaitPhase(t, l, session.PhaseFailed)
		wantError(t, b.Err, session.ErrStartFailed)
		if !strings.Contains(b.Err.Error(), "bad config") || time.Until(b.RetryAt) != 5*time.Second {
			t.Errorf("failed with %q, retry in %v", b.Err, time.Until(b.RetryAt))
		}
		time.Sleep(time.Minute)
		w.expect(l, session.PhaseFailed, session.Inactive, 2, 0)
	})
}

func TestSuspect(t *testing.T) {
	t.Run("the task serves", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, w *world) {
			l := w.create("s1")
			b := w.warm(l)
			w.Suspect(l, b.Target)
			time.Sleep(20 * time.Second)
			w.expect(l, session.PhaseReady, session.Active, 1, 1)
		})
	})
	t.Run("the task accepts nothing any more", func(t *testing.T) {
		inBubble(t, script(drivertest.Script{DeafAfter: time.Minute}), func(t *testing.T, w *world) {
			l := w.create("s1")
			b := w.warm(l)
			time.Sleep(time.Minute)
			for range 3 {
				w.Suspect(l, b.Target)
			}
			time.Sleep(9 * time.Second)
			w.expect(l, session.PhaseReady, session.Active, 1, 1) // it may only be restarting its server
			time.Sleep(2 * time.Second)
			w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
		})
	})
	t.Run("another task is meant", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, w *world) {
			l := w.create("s1")
			w.warm(l)
			w.Suspect(l, session.Target{TaskID: "of yesterday"})
			time.Sleep(20 * time.Second)
			w.expect(l, session.PhaseReady, session.Active, 1, 1)
		})
	})
}
