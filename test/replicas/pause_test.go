//go:build e2e

package replicas_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// leaseTTL is how long a replica keeps the lease without a sign of life; the other one may take a fifth longer to see that.
const leaseTTL = 15 * time.Second

// TestPaused stops one replica after the other in the middle of its work and lets it go on, while sessions are used, wake
// and fall asleep on the other. Most pauses are short; in the last two of them a holder loses its lease. With
// WARMGATE_E2E_LONG=true it does so in each.
func TestPaused(t *testing.T) {
	t.Parallel()
	s := newStage(t, tasks(2*time.Second, patientStart))
	ids := names(rounds)
	for _, id := range append(ids, "steady") {
		s.activate(t, id)
	}
	if err := served(t.Context(), s.direct(0, "steady"), "steady"); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		pause := time.Second
		if i >= rounds-2 || os.Getenv("WARMGATE_E2E_LONG") == "true" {
			pause = leaseTTL * 3 / 2
		}
		if err := s.pauseRound(t, i, id, pause); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
	}
	if n := s.starts("steady"); n != 1 {
		t.Errorf("the session in use was started %d times, want once", n)
	}
	s.allAsleep(t, append(ids, "steady"))
}

// pauseRound pauses replica i while the other wakes the session and uses it and the steady one.
func (s *stage) pauseRound(t *testing.T, i int, id string, pause time.Duration) error {
	paused := s.Replicas[i%len(s.Replicas)]
	if err := served(t.Context(), s.direct(i, id), id); err != nil { // paused while it has something to put to sleep
		return err
	}
	held, err := s.api(i).Metric(t.Context(), "warmgate_lease_held")
	if err != nil {
		return err
	}
	if err := paused.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	resumed := time.AfterFunc(pause, func() { _ = paused.Signal(syscall.SIGCONT) })
	defer resumed.Stop()
	for deadline := time.Now().Add(pause); time.Now().Before(deadline); {
		for _, id := range []string{id, "steady"} {
			if err := served(t.Context(), s.direct(i+1, id), id); err != nil {
				return err
			}
		}
	}
	if pause > leaseTTL {
		err := until("the lease to be with the other replica", func() bool {
			other, err := s.api(i+1).Metric(t.Context(), "warmgate_lease_held")
			return err == nil && other >= held
		})
		if err != nil {
			return err
		}
	}
	for _, id := range []string{id, "steady"} {
		for replica := range s.Replicas {
			if err := served(t.Context(), s.direct(replica, id), id); err != nil {
				return fmt.Errorf("after the pause: %w", err)
			}
		}
	}
	if n := s.starts(id); n != 1 {
		return fmt.Errorf("%s was started %d times, want once", id, n)
	}
	return nil
}
