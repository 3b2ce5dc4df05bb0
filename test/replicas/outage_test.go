//go:build e2e

package replicas_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webordinary/warmgate/test/replicas"
)

// outage is how long the table cannot be reached, WARMGATE_E2E_OUTAGE if that is set.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("WARMGATE_E2E_OUTAGE")
	if text == "" {
		return 12 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// sample is one request of a load.
type sample struct {
	at   time.Time
	took time.Duration
	err  error
}

// load asks for the sessions' pages on both replicas until ctx ends.
func (s *stage) load(ctx context.Context, ids []string) (samples func() []sample) {
	var mu sync.Mutex
	var all []sample
	var running sync.WaitGroup
	for i, id := range ids {
		running.Go(func() {
			for n, tick := i, time.Tick(20*time.Millisecond); ctx.Err() == nil; <-tick {
				n++
				began := time.Now()
				err := once(context.WithoutCancel(ctx), s.direct(n, id), id)
				mu.Lock()
				all = append(all, sample{began, time.Since(began), err})
				mu.Unlock()
			}
		})
	}
	return func() []sample { running.Wait(); return all }
}

// between returns how long the requests took that began between the two times, sorted, and reports those that failed.
func between(t *testing.T, samples []sample, from, to time.Time) []time.Duration {
	t.Helper()
	var took []time.Duration
	for _, s := range samples {
		if s.at.Before(from) || !s.at.Before(to) {
			continue
		}
		if s.err != nil {
			t.Errorf("a request failed: %v", s.err)
		}
		took = append(took, s.took)
	}
	slices.Sort(took)
	return took
}

// quantile returns a quantile of sorted values.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// TestTableOutage takes the table away under load, for longer than sessions stay awake unused: sessions in use are served
// as before and are not put to sleep, unknown ids are told to come back, and the activity is written afterwards.
func TestTableOutage(t *testing.T) {
	// Nobody asks the third replica for pages: what it knows is what the table says.
	s := newStageOf(t, newSites(taskDelay, 0), replicas.WorldOptions{Config: tasks(5*time.Second, patientStart), Replicas: 3})
	witness := s.APIs[2]
	s.Replicas = s.Replicas[:2]
	ids := names(20)
	for _, id := range ids {
		s.activate(t, id)
	}
	each(t, ids, func(_ int, id string) error {
		for i := range s.Replicas {
			if err := served(t.Context(), s.direct(i, id), id); err != nil {
				return err
			}
		}
		return nil
	})

	ctx, stop := context.WithCancel(t.Context())
	samples := s.load(ctx, ids)
	const before, after = 5 * time.Second, 10 * time.Second
	began := time.Now()
	<-time.After(before)
	cut := time.Now()
	s.Table.Cut()
	refused := s.unknown(t, outage(t))
	s.Table.Mend()
	mended := time.Now()
	for _, id := range ids {
		eventually(t, "the activity of "+id+" to be written", func() bool {
			got, err := witness.Status(t.Context(), id)
			return err == nil && got.LastActivityAt.After(mended)
		})
	}
	<-time.After(after - time.Since(mended))
	stop()
	all := samples()

	normal, out := between(t, all, began, cut), between(t, all, cut, mended)
	between(t, all, mended, time.Now())
	t.Logf("cached sessions: p50 %v, p99 %v of %d requests with the table; p50 %v, p99 %v of %d during %v without",
		quantile(normal, .5), quantile(normal, .99), len(normal), quantile(out, .5), quantile(out, .99), len(out), mended.Sub(cut).Round(time.Second))
	t.Logf("unknown ids: 503 after p50 %v, at most %v", quantile(refused, .5), quantile(refused, 1))
	if n := s.ECS.Count("StopTask"); n > 0 {
		t.Errorf("%d sessions were put to sleep", n)
	}
	for _, id := range ids {
		if n := s.starts(id); n != 1 {
			t.Errorf("%s was started %d times, want once", id, n)
		}
	}
}

// unknown asks for sessions that do not exist for as long as the outage lasts, and returns how long the refusals took, sorted.
func (s *stage) unknown(t *testing.T, d time.Duration) []time.Duration {
	t.Helper()
	var took []time.Duration
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		n := len(took)
		began := time.Now()
		r, err := get(t.Context(), s.direct(n, fmt.Sprintf("nobody%d", n)))
		took = append(took, time.Since(began))
		if err != nil || r.status != http.StatusServiceUnavailable || r.retryAfter == "" {
			t.Errorf("an unknown session = %d, Retry-After %q, %v; want 503 with one", r.status, r.retryAfter, err)
		}
	}
	slices.Sort(took)
	return took
}

// TestECSOutage takes ECS away: sessions that are awake are served as before, one that sleeps waits and is then told why.
func TestECSOutage(t *testing.T) {
	s := newStage(t, tasks(time.Minute, 5*time.Second))
	for _, id := range []string{"warm", "cold"} {
		s.activate(t, id)
	}
	for i := range s.Replicas {
		if err := served(t.Context(), s.direct(i, "warm"), "warm"); err != nil {
			t.Fatal(err)
		}
	}
	s.Tasks.Cut()
	ctx, stop := context.WithCancel(t.Context())
	samples := s.load(ctx, []string{"warm"})
	r, err := get(t.Context(), s.direct(0, "cold"))
	stop()
	cold := time.Now()
	if err != nil || r.status != http.StatusGatewayTimeout {
		t.Errorf("the cold session = %d, %v; want 504 at the start's deadline", r.status, err)
	}
	t.Logf("a cold request was told: %d %s", r.status, r.text)
	if !strings.Contains(r.text, "ECS") {
		t.Errorf("a cold request was told %q, want the cause", r.text)
	}
	if took := between(t, samples(), time.Time{}, cold); len(took) == 0 {
		t.Error("no requests of the warm session")
	}
	s.Tasks.Mend()
	eventually(t, "the cold session to be served", func() bool { return served(t.Context(), s.direct(1, "cold"), "cold") == nil })
	if n := s.starts("warm"); n != 1 {
		t.Errorf("the warm session was started %d times, want once", n)
	}
}
