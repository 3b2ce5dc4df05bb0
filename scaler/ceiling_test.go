package scaler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

// expectRefused wakes the session and expects a refusal that says so, for a
// while, and that is counted under the reason.
func (w *world) expectRefused(l *session.Live, reason, says string) {
	w.t.Helper()
	before := value(w.t, w.metrics, "warmgate_wakes_refused_total", "reason", reason)
	err := w.Wake(w.t.Context(), l, visit())
	refused, ok := errors.AsType[*session.RefusedError](err)
	if !ok || refused.RetryAfter == 0 || !strings.Contains(refused.What, says) {
		w.t.Errorf("Wake(%s) = %v, want to be refused for a time because %s", l.ID(), err, says)
	}
	if got := value(w.t, w.metrics, "warmgate_wakes_refused_total", "reason", reason); got != before+1 {
		w.t.Errorf("%v refusals are counted as %s, want %v", got, reason, before+1)
	}
	w.expect(l, session.PhaseAsleep, session.Inactive, len(w.fake.Started()), len(w.fake.Alive()))
}

func TestCeilings(t *testing.T) {
	for name, test := range map[string]struct {
		limit        func(*settings)
		reason, says string
	}{
		"of the pool": {
			func(set *settings) { set.pool.Maximum = 2 }, "pool_tasks", "pool edit runs all of the 2 tasks",
		},
		"of all": {
			func(set *settings) { set.MaxTasks = 2 }, "all_tasks", "all of the 2 tasks that may run do so",
		},
		"of each client's tasks": {
			func(set *settings) { set.pool.PerClient.Tasks = 2 }, "client_tasks", "client acme runs all of the 2 tasks",
		},
		"of each client's sessions": {
			func(set *settings) { set.pool.PerClient.Sessions = 2 }, "client_sessions", "client acme has all of the 2 sessions",
		},
		"of one client's tasks": {
			func(set *settings) {
				set.pool.PerClient = scaler.Limits{Tasks: 1}
				set.pool.Clients = map[session.ClientID]scaler.Limits{"acme": {Tasks: 2}}
			}, "client_tasks", "client acme runs all of the 2 tasks",
		},
		"of all clients' sessions, and one client's tasks": {
			func(set *settings) {
				set.pool.PerClient = scaler.Limits{Sessions: 2}
				set.pool.Clients = map[session.ClientID]scaler.Limits{"acme": {Tasks: 5}}
			}, "client_sessions", "client acme has all of the 2 sessions",
		},
		"of one client's sessions that share a task": {
			func(set *settings) {
				set.pool.Key = "edit"
				set.pool.Clients = map[session.ClientID]scaler.Limits{"acme": {Sessions: 2}}
			}, "client_sessions", "client acme has all of the 2 sessions",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, test.limit, func(t *testing.T, w *world) {
				first, second, third := w.create("s1"), w.create("s2"), w.create("s3")
				w.warm(first)
				w.warm(second)
				w.wake(second) // it is awake
				w.expectRefused(third, test.reason, test.says)
				if strings.HasPrefix(test.reason, "client_") {
					w.warm(w.createFor("other", "bolt"))
				}
				time.Sleep(6 * time.Minute) // all fall asleep
				w.warm(third)
			})
		})
	}
}

func TestBurstStopsAtTheCeiling(t *testing.T) {
	limit := func(set *settings) {
		script(drivertest.Script{StartDelay: time.Second, ListensAfter: 10 * time.Second})(set)
		set.pool.Maximum, set.pool.PerClient = 30, scaler.Limits{Tasks: 7, Sessions: 9}
	}
	inBubble(t, limit, func(t *testing.T, w *world) {
		results := make(chan error)
		for n := range 100 {
			l := w.createFor(session.ID(fmt.Sprintf("s%d", n)), session.ClientID(fmt.Sprintf("c%d", n%2)))
			go func() { results <- w.Wake(t.Context(), l, visit()) }()
		}
		refused := 0
		for range 100 {
			if err := <-results; err != nil {
				wantError(t, err, session.ErrCapacity)
				refused++
			}
		}
		time.Sleep(time.Minute)
		if n := len(w.fake.Started()); n != 14 || refused != 86 {
			t.Errorf("%d tasks were started and %d wakes refused, want 14 and 86", n, refused)
		}
	})
}

func TestScaleOutStopsAtTheClientsCeiling(t *testing.T) {
	limit := func(set *settings) {
		shared(set)
		set.pool.PerClient.Tasks = 2
	}
	inBubble(t, limit, func(t *testing.T, w *world) {
		for n := range 4 { // the steps want 3 tasks
			w.warm(w.create(session.ID(fmt.Sprintf("s%d", n))))
		}
		w.warm(w.createFor("other", "bolt"))
		time.Sleep(time.Minute)
		w.expectKeys("within the limits", "acme", "acme", "bolt")
		if n := value(t, w.metrics, "warmgate_tasks_desired"); n != 3 {
			t.Errorf("%v tasks are desired, want 3", n)
		}
	})
}

// inLimitedReplicas is inReplicas with limits.
func inLimitedReplicas(t *testing.T, change func(*settings), f func(t *testing.T, a, b *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := newWorld(t, func(set *settings) { change(set); set.polled = true })
		b := newWorld(t, func(set *settings) { change(set); set.store, set.fake, set.polled = a.store, a.fake, true })
		a.begin()
		b.begin()
		f(t, a, b)
		a.fake.Outlive(true)
		a.stop()
		a.fake.Outlive(false)
		b.stop()
	})
}

func TestReplicasShareTheCeilings(t *testing.T) {
	for name, test := range map[string]struct {
		limit  func(*settings)
		reason string
	}{
		"of the pool":     {func(set *settings) { set.pool.Maximum = 2 }, "pool_tasks"},
		"of all":          {func(set *settings) { set.MaxTasks = 2 }, "all_tasks"},
		"of the client":   {func(set *settings) { set.pool.PerClient.Tasks = 2 }, "client_tasks"},
		"of its sessions": {func(set *settings) { set.pool.PerClient.Sessions = 2 }, "client_sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			change := func(set *settings) {
				script(slowStart)(set)
				test.limit(set)
			}
			inLimitedReplicas(t, change, func(t *testing.T, a, b *world) {
				a.create("s1")
				a.create("s2")
				a.warm(a.live("s1"))
				time.Sleep(31 * time.Second) // b has seen its task
				b.warm(b.live("s2"))
				b.expectRefused(b.create("s3"), test.reason, "")

				// What another has begun goes on here, though nothing new may begin.
				time.Sleep(10 * time.Minute)
				b.warm(b.live("s3"))
				time.Sleep(31 * time.Second)
				first := a.create("s4")
				a.wake(first)
				second := b.live("s4")
				b.wake(second)
				awaitPhase(t, first, session.PhaseReady)
				awaitPhase(t, second, session.PhaseReady)
				b.expect(second, session.PhaseReady, session.Active, 4, 2)
			})
		})
	}
}

func TestReplicasShareATask(t *testing.T) {
	change := func(set *settings) {
		script(slowStart)(set)
		set.pool.Key, set.pool.Maximum = "edit", 1
	}
	inLimitedReplicas(t, change, func(t *testing.T, a, b *world) {
		a.create("s1")
		a.warm(a.live("s1"))
		b.create("s2")
		time.Sleep(31 * time.Second)
		l := b.live("s2")
		b.warm(l)
		b.expect(l, session.PhaseReady, session.Active, 1, 1)
	})
}
