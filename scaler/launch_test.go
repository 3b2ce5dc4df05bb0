package scaler_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

// many lets so many tasks run, started at 10 a second.
func many(tasks int) func(*settings) {
	return func(set *settings) {
		set.LaunchRate, set.MaxTasks, set.pool.Maximum = 10, tasks, tasks
		set.pool.StartTimeout = 15 * time.Second
		script(drivertest.Script{RunsAfter: 2 * time.Second, ListensAfter: 8 * time.Second})(set)
	}
}

// most returns how many of the times, which are in order, lie within a second.
func most(times []time.Time) int {
	n := 0
	for i := range times {
		end, _ := slices.BinarySearchFunc(times, times[i].Add(time.Second), time.Time.Compare)
		n = max(n, end-i)
	}
	return n
}

func TestBurstIsLaunchedAtTheRate(t *testing.T) {
	inBubble(t, many(200), func(t *testing.T, w *world) {
		began := time.Now()
		var lives []*session.Live
		for n := range 200 {
			lives = append(lives, w.create(session.ID(fmt.Sprintf("s%03d", n))))
		}
		var visitors sync.WaitGroup
		for _, l := range lives {
			visitors.Go(func() {
				if err := w.Wake(t.Context(), l, visit()); err != nil {
					t.Errorf("Wake(%s): %v", l.ID(), err)
				}
				awaitPhase(t, l, session.PhaseReady)
			})
		}
		synctest.Wait()
		for _, l := range lives {
			if got := phase(l); got != session.PhaseAsked && got != session.PhaseProvisioning {
				t.Errorf("%s is %s, want it to be in line, or started", l.ID(), got)
			}
		}
		if n := value(t, w.metrics, "warmgate_launches_waiting"); n != 190 {
			t.Errorf("%v launches wait, want 190", n)
		}
		visitors.Wait()
		started := w.fake.StartedAt()
		// A second's worth at once, and as many in the second after it.
		if n := most(started); len(started) != 200 || n > 20 {
			t.Errorf("%d tasks were started, up to %d in a second; want 200, and 20", len(started), n)
		}
		if last := started[199].Sub(began); last < 18*time.Second || last > 20*time.Second {
			t.Errorf("the last task was started after %v, want 19s", last)
		}
		if took := time.Since(began); took > 28*time.Second {
			t.Errorf("all are served after %v, want 27s", took)
		}
		w.expect(lives[199], session.PhaseReady, session.Active, 200, 200)
	})
}

func TestLaunchesKeepTheirOrder(t *testing.T) {
	inBubble(t, many(50), func(t *testing.T, w *world) {
		var want, got []session.ID
		for n := range 50 {
			l := w.create(session.ID(fmt.Sprintf("s%03d", 49-n)))
			want = append(want, l.ID())
			w.wake(l)
			if b, _ := l.Backend(); n == 49 && time.Until(b.LaunchAt).Round(time.Second) != 4*time.Second {
				t.Errorf("the last one's turn is in %v, want 4s", time.Until(b.LaunchAt))
			}
		}
		time.Sleep(5 * time.Second)
		for _, spec := range w.fake.Started() {
			got = append(got, spec.SessionID)
		}
		slices.Sort(want[:10]) // those that need not wait
		slices.Sort(got[:10])
		if !slices.Equal(got, want) {
			t.Errorf("started in the order %v, want %v", got, want)
		}
	})
}

// TestLaunchIsGivenUpInLine: what nobody wants any more when its turn comes is
// not started.
func TestLaunchIsGivenUpInLine(t *testing.T) {
	inBubble(t, many(50), func(t *testing.T, w *world) {
		var last *session.Live
		for n := range 50 {
			last = w.create(session.ID(fmt.Sprintf("s%03d", n)))
			w.wake(last)
		}
		if _, err := w.store.Update(t.Context(), last.ID(), session.DrainChange("enough")); err != nil {
			t.Fatal(err)
		}
		w.Release(last)
		time.Sleep(10 * time.Second)
		w.expect(last, session.PhaseEnded, session.Expired, 49, 49)
	})
}

// TestReplicaWaitsForTheLineOfAnother: a session that is in line on one replica
// is not taken for forgotten by the other.
func TestReplicaWaitsForTheLineOfAnother(t *testing.T) {
	change := func(set *settings) {
		many(120)(set)
		set.LaunchRate, set.pool.StartTimeout = 1, 10*time.Second
	}
	inLimitedReplicas(t, change, func(t *testing.T, a, b *world) {
		var lives []*session.Live
		for n := range 120 { // the last one's turn comes after two minutes
			l := a.create(session.ID(fmt.Sprintf("s%03d", n)))
			lives = append(lives, l)
			a.wake(l)
		}
		for _, l := range lives {
			awaitPhase(t, l, session.PhaseReady)
		}
		if n := len(a.fake.Started()); n != 120 {
			t.Errorf("%d tasks were started, want 120", n)
		}
	})
}
