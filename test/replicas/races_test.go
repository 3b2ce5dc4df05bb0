//go:build e2e

package replicas_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"
)

// nap is about how long it takes from the first step of falling asleep to the second.
const nap = 11 * time.Second

// TestWakeAgainstSleep has a request meet each moment of falling asleep, on the replica that sends to sleep or on the
// other: it is served, by a task that nobody stops, and at most one task is started for it.
func TestWakeAgainstSleep(t *testing.T) {
	t.Parallel()
	s := newStage(t, tasks(time.Second, patientStart))
	ids := names(rounds)
	for _, id := range ids {
		s.activate(t, id)
	}
	each(t, ids, func(i int, id string) error {
		if err := served(t.Context(), s.direct(i, id), id); err != nil {
			return err
		}
		if err := until(id+" to fall asleep", func() bool { return s.is(t.Context(), i/2, id, "inactive") }); err != nil {
			return err
		}
		<-time.After((nap + 2*time.Second) * time.Duration(i) / rounds) // from the first step to after the second
		return served(t.Context(), s.direct(i, id), id)
	})
	again := 0
	for _, id := range ids {
		switch n := s.starts(id); n {
		case 1:
		case 2:
			again++
		default:
			t.Errorf("%s was started %d times, want once, or twice if its task was given up", id, n)
		}
	}
	t.Logf("%d of %d sessions needed a new task", again, rounds)
	s.allAsleep(t, ids)
}

// TestEndAgainstTouch ends sessions while both replicas serve them and write their activity: within 5 s both refuse them,
// and go on doing so.
func TestEndAgainstTouch(t *testing.T) {
	t.Parallel()
	s := newStage(t, tasks(10*time.Second, patientStart))
	ids := names(rounds)
	for _, id := range ids {
		s.activate(t, id)
	}
	each(t, ids, func(i int, id string) error {
		if err := served(t.Context(), s.direct(i, id), id); err != nil {
			return err
		}
		var visitors sync.WaitGroup
		defer visitors.Wait()
		ended := make(chan struct{})
		for v := range s.Replicas {
			visitors.Go(func() { s.visitEnded(t, v, id, ended) })
		}
		defer close(ended)
		<-time.After(time.Second * time.Duration(rounds+i) / rounds) // around a write of activity
		return s.api(i).End(t.Context(), id)
	})
	for _, id := range ids {
		for i := range s.Replicas {
			eventually(t, id+" to be over", func() bool { return s.is(t.Context(), i, id, "expired") })
		}
		if n := s.starts(id); n != 1 {
			t.Errorf("%s was started %d times, want once", id, n)
		}
	}
	eventually(t, "all tasks to be stopped", func() bool { return len(s.ECS.Running()) == 0 })
}

// visitEnded asks for a session all the time, also for a while after its end.
func (s *stage) visitEnded(t *testing.T, replica int, id string, ended <-chan struct{}) {
	const follow = 5 * time.Second
	var since time.Time // the end
	gone := false
	for tick := time.Tick(100 * time.Millisecond); since.IsZero() || time.Since(since) < 2*follow; <-tick {
		select {
		case <-ended:
			if since.IsZero() {
				since = time.Now()
			}
		default:
		}
		began := time.Now()
		r, err := get(t.Context(), s.direct(replica, id))
		switch {
		case err != nil:
			t.Error(err)
			return
		case r.status == http.StatusNotFound:
			gone = true
		case r.status == http.StatusServiceUnavailable: // DynamoDB Local is slow
		case gone:
			t.Errorf("%s answers %d on replica %d after it was gone", id, r.status, replica)
			return
		case !since.IsZero() && began.Sub(since) > follow:
			t.Errorf("%s answers %d on replica %d %v after its end", id, r.status, replica, began.Sub(since))
			return
		}
	}
}

// TestTwoStarts has both replicas asked for the same sleeping session at once: one task is made, and both serve it.
func TestTwoStarts(t *testing.T) {
	t.Parallel()
	s := newStage(t, tasks(10*time.Minute, patientStart))
	ids := names(rounds)
	for _, id := range ids {
		s.activate(t, id)
	}
	each(t, ids, func(_ int, id string) error {
		errs := make([]error, len(s.Replicas))
		var both sync.WaitGroup
		for i := range errs {
			both.Go(func() { errs[i] = served(t.Context(), s.direct(i, id), id) })
		}
		both.Wait()
		return errors.Join(errs...)
	})
	for _, id := range ids {
		if n := s.starts(id); n != 1 {
			t.Errorf("%s was started %d times, want once", id, n)
		}
	}
	if n := len(s.ECS.Running()); n != rounds {
		t.Errorf("%d tasks run, want %d", n, rounds)
	}
}
