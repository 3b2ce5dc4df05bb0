//go:build e2e

package replicas_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
	"github.com/webordinary/warmgate/test/replicas"
)

// TestFirstByteToRunTask measures how long a cold request takes until ECS is asked for its task, one at a time.
func TestFirstByteToRunTask(t *testing.T) {
	s := newStageOf(t, newSites(0, 0), replicas.WorldOptions{Config: tasks(10*time.Minute, patientStart)})
	ids := names(rounds)
	var took []time.Duration
	for i, id := range ids {
		s.activate(t, id)
		began := time.Now()
		if err := served(t.Context(), s.direct(i, id), id); err != nil {
			t.Fatal(err)
		}
		asked := s.runTasks(began)
		if len(asked) != 1 {
			t.Fatalf("%s took %d calls of RunTask, want 1", id, len(asked))
		}
		took = append(took, asked[0].Sub(began))
	}
	slices.Sort(took)
	t.Logf("first byte to RunTask on the wire: p50 %v, at most %v of %d (budget of the p50: 50ms)", quantile(took, .5), quantile(took, 1), len(took))
}

// runTasks returns when RunTask was called since then.
func (s *stage) runTasks(since time.Time) []time.Time {
	var at []time.Time
	for _, c := range s.ECS.Calls() {
		if c.Operation == "RunTask" && c.At.After(since) {
			at = append(at, c.At)
		}
	}
	return at
}

// The quota of an account on AWS.
const (
	launchRate  = 20
	launchBurst = 20
)

// TestHerd wakes 200 sessions at once, from both replicas, on an account with the usual quota: each is started once, and
// all are served.
func TestHerd(t *testing.T) {
	const herd = 200
	s := newStageOf(t, newSites(taskDelay, slow), replicas.WorldOptions{
		Config: tasks(10*time.Minute, patientStart), ECS: ecstest.Options{LaunchRate: launchRate, LaunchBurst: launchBurst},
	})
	ids := names(herd)
	for _, id := range ids {
		s.activate(t, id)
	}
	began := time.Now()
	took := make([]time.Duration, herd)
	var refused atomic.Int64
	each(t, ids, func(i int, id string) error {
		n, err := insist(t.Context(), s.direct(i, id), id)
		refused.Add(int64(n))
		took[i] = time.Since(began)
		return err
	})
	slices.Sort(took)
	var asked []time.Duration
	for _, at := range s.runTasks(began) {
		asked = append(asked, at.Sub(began))
	}
	t.Logf("%d sessions at once: served after p50 %v, at most %v, %d requests were told to come back; %d calls of RunTask (%d throttled), the first after %v, the last after %v",
		herd, quantile(took, .5), quantile(took, 1), refused.Load(), len(asked), s.throttled(), quantile(asked, 0), quantile(asked, 1))
	for _, id := range ids {
		if n := s.starts(id); n != 1 {
			t.Errorf("%s was started %d times, want once", id, n)
		}
	}
}

// throttled counts the calls that ECS refused for their rate.
func (s *stage) throttled() int {
	n := 0
	for _, c := range s.ECS.Calls() {
		if c.Error == "ThrottlingException" {
			n++
		}
	}
	return n
}
