//go:build e2e

package replicas_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/webordinary/warmgate/test/replicas"
)

const binary = "../../bin/warmgate"

// rounds is how often each race is run. The rounds run at the same time, each with a session of its own.
const rounds = 20

// stage is a world and its sites.
type stage struct {
	*replicas.World
	*sites
}

// clocks is the configuration of the clocks, and of budgets that do not matter here. What the tests ask for is traffic, no
// human sign, so that it has to count for long.
func clocks(idle time.Duration) string {
	return fmt.Sprintf(`
sessions: { ttl: 2h, idle_timeout: %s, presence_limit: 1h, touch_interval: 500ms }
cold:
  wakes_per_session: { per_minute: 6000, burst: 1000 }
  wakes_per_client: { per_minute: 60000, burst: 1000 }
  wakes_per_address: { per_minute: 60000, burst: 1000 }
  holds_per_address: 4096
limits: { tasks: 1000 }
`, idle)
}

// tasks is the configuration of a pool with a task for each session, which has to start within the timeout.
func tasks(idle, startTimeout time.Duration) string {
	return clocks(idle) + fmt.Sprintf(`
pools:
  sites:
    key: "{session}"
    driver: ecs-task
    max_tasks: 1000
    start_timeout: %s
    ecs:
      region: us-west-2
      endpoint: $ECS
      cluster: edit-cluster
      task_definition: astro
      subnets: [subnet-1]
      capacity: on-demand
      container: astro
      env: { SESSION: "{session}" }
routes:
  - { priority: 10, path: ["/session/*"], session: { pool: sites, allow_guessable: true } }
`, startTimeout)
}

// patientStart is a start timeout that does not matter.
const patientStart = 2 * time.Minute

// taskDelay is how long a task takes until its container starts: more than the second that replicas may take to hear of a
// task of another, as on ECS.
const taskDelay = 1200 * time.Millisecond

// slow is how long a site takes for an answer, so that a request under way can be met by what happens.
const slow = 50 * time.Millisecond

// newStage starts a world whose sites are watched to the end of the test.
func newStage(t *testing.T, config string) *stage {
	t.Helper()
	return newStageOf(t, newSites(taskDelay, slow), replicas.WorldOptions{Config: config})
}

// newStageOf is newStage with sites, and options that the binary and the sites are added to.
func newStageOf(t *testing.T, sites *sites, o replicas.WorldOptions) *stage {
	t.Helper()
	s := &stage{sites: sites}
	t.Cleanup(func() { s.check(t) })
	o.Binary, o.ECS.Plan, o.ECS.Run = binary, sites.plan, sites.run
	s.World = replicas.Start(t, o)
	return s
}

// direct is the address of a session on one replica; the replicas count from 0 and repeat.
func (s *stage) direct(replica int, id string) string {
	return "http://" + s.Replicas[replica%len(s.Replicas)].Address() + "/session/" + id + "/"
}

// api is the management API of one replica; they repeat.
func (s *stage) api(replica int) replicas.API { return s.APIs[replica%len(s.APIs)] }

// activate makes a session that sleeps.
func (s *stage) activate(t *testing.T, id string) {
	t.Helper()
	if _, err := s.APIs[0].Activate(t.Context(), "acme", id); err != nil {
		t.Fatal(err)
	}
}

// reply is what a request got.
type reply struct {
	status     int
	retryAfter string
	text       string
	answer
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 500}}

// get asks for a page as a script does: it is held while the session warms.
func get(ctx context.Context, url string) (reply, error) {
	var r reply
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return r, err
	}
	response, err := client.Do(request)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	r.status, r.retryAfter = response.StatusCode, response.Header.Get("Retry-After")
	text, err := io.ReadAll(response.Body)
	r.text = string(text)
	if err != nil || r.status != http.StatusOK {
		return r, err
	}
	return r, json.Unmarshal(text, &r.answer)
}

// once asks for the session's page and wants its own site's answer.
func once(ctx context.Context, url, id string) error {
	r, err := get(ctx, url)
	if err == nil && !r.servedBy(id) {
		err = fmt.Errorf("%s = %d %s", url, r.status, r.text)
	}
	return err
}

// servedBy reports whether the reply is that of the session's site; an empty id stands for any.
func (r reply) servedBy(id string) bool {
	return r.status == http.StatusOK && (id == "" || r.Session == id)
}

// served is once, but comes back whenever it is told to: DynamoDB Local takes longer at times than a request waits for it.
func served(ctx context.Context, url, id string) error {
	_, err := insist(ctx, url, id)
	return err
}

// insist is served, and returns how often it was told to come back.
func insist(ctx context.Context, url, id string) (refused int, err error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); refused++ {
		r, err := get(ctx, url)
		if err != nil || r.servedBy(id) {
			return refused, err
		}
		pause, notNow := time.ParseDuration(r.retryAfter + "s")
		if r.status != http.StatusServiceUnavailable || notNow != nil {
			return refused, fmt.Errorf("%s = %d %s", url, r.status, r.text)
		}
		<-time.After(pause)
	}
	return refused, fmt.Errorf("%s was not served within %v", url, patience)
}

// each runs a round for each session, all at the same time.
func each(t *testing.T, ids []string, round func(i int, id string) error) {
	t.Helper()
	errs := make([]error, len(ids))
	var running sync.WaitGroup
	for i, id := range ids {
		running.Go(func() { errs[i] = round(i, id) })
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// names returns n ids of sessions.
func names(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("s%03d", i)
	}
	return ids
}

// patience bounds every wait for something that must happen. It is above the longest of the documented times: a task
// that two replicas have started at once is found superfluous after 30 s, fenced for 11, and drained for 30.
const patience = 2 * time.Minute

// until polls until ok holds, and returns an error that says what was awaited at the deadline.
func until(what string, ok func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if ok() {
			return nil
		}
	}
	return fmt.Errorf("after %v still waiting: %s", patience, what)
}

// eventually is until for the test's own goroutine.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if err := until(what, ok); err != nil {
		t.Fatal(err)
	}
}

// is reports whether the replica says that the session has the status.
func (s *stage) is(ctx context.Context, replica int, id, status string) bool {
	got, err := s.api(replica).Status(ctx, id)
	return err == nil && got.Status == status
}

// allAsleep waits until no session is awake and no task is left.
func (s *stage) allAsleep(t *testing.T, ids []string) {
	t.Helper()
	eventually(t, "all tasks to be stopped", func() bool { return len(s.ECS.Running()) == 0 })
	each(t, ids, func(i int, id string) error {
		return until(id+" to be inactive", func() bool { return s.is(t.Context(), i, id, "inactive") })
	})
}
