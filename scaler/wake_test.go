package scaler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

var slowStart = drivertest.Script{RunsAfter: time.Second, ListensAfter: 2 * time.Second, AnswersAfter: 5 * time.Second}

func TestWakeThroughAllPhases(t *testing.T) {
	inBubble(t, script(slowStart), func(t *testing.T, w *world) {
		l := w.create("s1")
		began := time.Now()
		w.wake(l)
		for b, changed := l.Backend(); b.Phase != session.PhaseReady; b, changed = l.Backend() {
			if !b.Deadline.Equal(b.Began.Add(2*time.Minute)) || b.Generation != 2 {
				t.Errorf("%s: began %v, deadline %v, generation %d", b.Phase, b.Began, b.Deadline, b.Generation)
			}
			<-changed
		}
		b, _ := l.Backend()
		var phases []session.Phase
		for _, step := range b.Steps {
			phases = append(phases, step.Phase)
		}
		want := []session.Phase{
			session.PhaseAsked, session.PhaseProvisioning, session.PhaseStarting, session.PhaseChecking, session.PhaseReady,
		}
		if !slices.Equal(phases, want) {
			t.Errorf("phases = %v, want %v", phases, want)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("ready after %v, want 5s: the moment of the first answer", took)
		}
		rec := w.record("s1")
		if rec.Status != session.Active || rec.Target.TaskID != b.Target.TaskID || rec.Target.Addr != b.Target.Addr {
			t.Errorf("the record says %s at %+v, the snapshot %+v", rec.Status, rec.Target, b.Target)
		}
	})
}

func TestDriverIsCalledAtOnce(t *testing.T) {
	inBubble(t, script(slowStart), func(t *testing.T, w *world) {
		l := w.create("s1")
		began := time.Now()
		w.wake(l)
		synctest.Wait()
		if at := w.fake.StartedAt(); len(at) != 1 || !at[0].Equal(began) {
			t.Errorf("started at %v, want one start at %v without any wait", at, began)
		}
	})
}

func TestThousandWakesOneStart(t *testing.T) {
	inBubble(t, script(slowStart), func(t *testing.T, w *world) {
		l := w.create("s1")
		var wakes sync.WaitGroup
		released := make([]time.Time, 1000)
		for n := range released {
			wakes.Go(func() {
				if err := w.Wake(t.Context(), l, request()); err != nil {
					t.Errorf("Wake: %v", err)
				}
				awaitPhase(t, l, session.PhaseReady)
				released[n] = time.Now()
			})
		}
		wakes.Wait()
		if got := len(w.fake.Started()); got != 1 {
			t.Errorf("%d starts, want 1", got)
		}
		if first, last := slices.MinFunc(released, time.Time.Compare), slices.MaxFunc(released, time.Time.Compare); !first.Equal(last) {
			t.Errorf("released between %v and %v, want all at once", first, last)
		}
	})
}

func TestStartOutlivesItsRequester(t *testing.T) {
	inBubble(t, script(slowStart), func(t *testing.T, w *world) {
		l := w.create("s1")
		ctx, leave := context.WithCancel(t.Context())
		if err := w.Wake(ctx, l, visit()); err != nil {
			t.Fatal(err)
		}
		leave()
		awaitPhase(t, l, session.PhaseReady)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
	})
}

func TestFailedStartReachesEverybody(t *testing.T) {
	dies := drivertest.Script{
		RunsAfter: time.Second, ListensAfter: time.Second, AnswersAfter: 10 * time.Second,
		DiesAfter: 9 * time.Second, Cause: "node ended with exit code 1: no such module",
	}
	inBubble(t, script(dies), func(t *testing.T, w *world) {
		l := w.create("s1")
		began := time.Now()
		var waiters sync.WaitGroup
		for range 50 {
			waiters.Go(func() {
				if err := w.Wake(t.Context(), l, request()); err != nil {
					t.Errorf("Wake: %v", err)
				}
				b := awaitPhase(t, l, session.PhaseFailed)
				if took := time.Since(began); took != 9*time.Second {
					t.Errorf("told after %v, want 9s", took)
				}
				wantError(t, b.Err, session.ErrStartFailed)
				if !strings.Contains(b.Err.Error(), "no such module") {
					t.Errorf("Err = %q, want the cause in it", b.Err)
				}
				if got := time.Until(b.RetryAt); got != 5*time.Second {
					t.Errorf("retry in %v, want 5s", got)
				}
			})
		}
		waiters.Wait()
		w.expect(l, session.PhaseFailed, session.Error, 1, 0)
		if cause := w.record("s1").Cause; !strings.Contains(cause, "no such module") {
			t.Errorf("stored cause = %q", cause)
		}
	})
}

func TestStartFailures(t *testing.T) {
	for name, test := range map[string]struct {
		script drivertest.Script
		want   error
		says   string
	}{
		"the driver refuses": {
			drivertest.Script{StartErr: fmt.Errorf("there is no folder sites/acme: %w", session.ErrStartFailed)},
			session.ErrStartFailed, "no folder sites/acme",
		},
		"there is no capacity": {
			drivertest.Script{StartErr: fmt.Errorf("no Spot capacity: %w", session.ErrCapacity)},
			session.ErrCapacity, "no Spot capacity",
		},
		"an error of its own kind": {
			drivertest.Script{StartErr: errors.New("exit 3")}, session.ErrStartFailed, "exit 3",
		},
		"it never runs": {
			drivertest.Script{RunsAfter: time.Hour}, session.ErrStartTimeout, "for the task to run",
		},
		"it never listens": {
			drivertest.Script{ListensAfter: time.Hour, Log: []string{"installing", "still installing"}},
			session.ErrStartTimeout, "connection refused); its log ends with: installing / still installing",
		},
		"it never answers": {
			drivertest.Script{NeverAnswers: true}, session.ErrStartTimeout, "for the site's first answer at fake-0.fake:80/",
		},
		"it is behind a bad gateway": {
			drivertest.Script{Status: 502}, session.ErrStartTimeout, "it answers 502",
		},
		"it blocks the host": {
			drivertest.Script{Status: 403, Body: `Blocked request. This host ("x") is not allowed.`},
			session.ErrStartFailed, "vite.server.allowedHosts",
		},
		"the driver is out of reach": {
			drivertest.Script{Throttled: 1 << 20}, session.ErrStartTimeout, "for the driver to accept it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, script(test.script), func(t *testing.T, w *world) {
				l := w.create("s1")
				w.wake(l)
				b := awaitPhase(t, l, session.PhaseFailed)
				wantError(t, b.Err, test.want)
				if !strings.Contains(b.Err.Error(), test.says) {
					t.Errorf("Err = %q, want %q in it", b.Err, test.says)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if alive := w.fake.Alive(); len(alive) != 0 {
					t.Errorf("still there: %v", alive)
				}
				if got := w.record("s1").Status; got != session.Error {
					t.Errorf("status = %s, want error", got)
				}
			})
		})
	}
}

func TestAnswersThatAreReady(t *testing.T) {
	for _, test := range []drivertest.Script{
		{Status: 404},
		{Status: 302},
		{Status: 500, Body: "overlay"},
		{Status: 403, Body: "sign in"},
		{Throttled: 3},
		{StartDelay: 3 * time.Second},
		{AnswersAfter: 40 * time.Second},
	} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			inBubble(t, script(test), func(t *testing.T, w *world) {
				l := w.create("s1")
				w.warm(l)
				w.expect(l, session.PhaseReady, session.Active, 1, 1)
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	fails := true
	plan := func(set *settings) {
		set.plan = func(int, scaler.TaskSpec) drivertest.Script {
			if fails {
				return drivertest.Script{DiesAfter: time.Second, ListensAfter: time.Minute}
			}
			return drivertest.Script{}
		}
	}
	inBubble(t, plan, func(t *testing.T, w *world) {
		l := w.create("s1")
		for _, seconds := range []int{5, 10, 20, 40, 80, 160, 300, 300} {
			want := time.Duration(seconds) * time.Second
			w.wake(l) // a visit is allowed to try at once
			b := awaitPhase(t, l, session.PhaseFailed)
			if got := time.Until(b.RetryAt); got != want {
				t.Errorf("retry in %v, want %v", got, want)
			}
			synctest.Wait()
			err := w.Wake(t.Context(), l, request())
			refused, ok := errors.AsType[*session.RefusedError](err)
			if !ok || refused.RetryAfter != want {
				t.Errorf("Wake during the back-off = %v, want to be refused for %v", err, want)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(5 * time.Minute)
		if err := w.Wake(t.Context(), l, request()); err != nil {
			t.Errorf("Wake after the back-off: %v", err)
		}
		awaitPhase(t, l, session.PhaseFailed)

		fails = false
		w.warm(l)
		time.Sleep(6 * time.Minute) // it falls asleep: a success
		fails = true
		w.expect(l, session.PhaseAsleep, session.Inactive, 10, 0)
		w.wake(l)
		if b := awaitPhase(t, l, session.PhaseFailed); time.Until(b.RetryAt) != 5*time.Second {
			t.Errorf("after a success: retry in %v, want 5s", time.Until(b.RetryAt))
		}
	})
}

func TestBackgroundWakesOnceUntilTheNextVisit(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		background := func() error {
			b := request()
			b.Background = true
			return w.Wake(t.Context(), l, b)
		}
		if err := background(); err != nil {
			t.Fatalf("first background wake: %v", err)
		}
		awaitPhase(t, l, session.PhaseReady)
		time.Sleep(10 * time.Minute)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)
		wantError(t, background(), session.ErrConflict)
		w.expect(l, session.PhaseAsleep, session.Inactive, 1, 0)

		l.Touch(visit().Activity) // a visit that is not written yet
		if err := background(); err != nil {
			t.Errorf("background wake after a visit: %v", err)
		}
		awaitPhase(t, l, session.PhaseReady)
	})
}

func TestWakeOfWhatIsOver(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := w.create("s1")
		time.Sleep(31 * time.Minute)
		wantError(t, w.Wake(t.Context(), l, visit()), session.ErrExpired)
		w.expect(l, session.PhaseEnded, session.Expired, 0, 0)

		gone := w.create("s2")
		if _, err := w.store.Update(t.Context(), "s2", session.DrainChange("enough")); err != nil {
			t.Fatal(err)
		}
		wantError(t, w.Wake(t.Context(), gone, visit()), session.ErrExpired)

		unknown := w.registry.Acquire(&session.Session{ID: "s3"})
		defer unknown.Release()
		wantError(t, w.Wake(t.Context(), unknown, visit()), session.ErrNotFound)
	})
}

func TestWakeWithTheStoreDown(t *testing.T) {
	inBubble(t, script(slowStart), func(t *testing.T, w *world) {
		l := w.create("s1")
		w.store.down.Store(true)
		wantError(t, w.Wake(t.Context(), l, visit()), session.ErrUnavailable)
		w.store.down.Store(false)
		w.wake(l)
		w.store.down.Store(true) // it comes back while the readiness is being written
		time.Sleep(8 * time.Second)
		if got := phase(l); got != session.PhaseChecking {
			t.Errorf("phase = %s, want checking until the record is written", got)
		}
		w.store.down.Store(false)
		awaitPhase(t, l, session.PhaseReady)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
	})
}
