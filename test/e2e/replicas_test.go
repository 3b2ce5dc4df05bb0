//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
	"github.com/webordinary/warmgate/test/replicas"
)

// cloud is two replicas on a fake AWS, whose tasks are the dev servers of a workshop's sites.
type cloud struct {
	*replicas.World
	w *workshop

	mu       sync.Mutex
	launched map[string]int // tasks made, by session
}

// taskDelay is how long it takes until a task's container starts.
const taskDelay = 2 * time.Second

func newCloud(t *testing.T, w *workshop, c clocks) *cloud {
	t.Helper()
	s := &cloud{w: w, launched: make(map[string]int)}
	// Cleanups run from the last to the first: this one when all has ended.
	t.Cleanup(func() {
		if left := w.processes(t); len(left) > 0 {
			t.Errorf("processes left behind: %v", left)
		}
	})
	s.World = replicas.Start(t, replicas.WorldOptions{
		Binary: binary,
		Config: fmt.Sprintf(`
sessions: { ttl: 1h, idle_timeout: %s, presence_limit: %s, touch_interval: 1s }
pools:
  sites:
    key: "{session}"
    driver: ecs-task
    ecs:
      region: us-west-2
      endpoint: $ECS
      cluster: edit-cluster
      task_definition: astro
      subnets: [subnet-1]
      container: astro
      env: { CLIENT_ID: "{client}" }
routes:
  - { priority: 10, path: ["/session/*"], session: { pool: sites, allow_guessable: true } }
`, c.IdleTimeout, c.PresenceLimit),
		ECS: ecstest.Options{Plan: s.plan, Run: ecstest.Exec(s.astro)},
	})
	return s
}

// plan counts the task and has it take its time.
func (s *cloud) plan(l ecstest.Launch) ecstest.Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.launched[l.Tags["warmgate:session"]]++
	return ecstest.Script{Provisioning: taskDelay / 2, Pulling: taskDelay / 2}
}

func (s *cloud) astro(c ecstest.Container) ecstest.Process {
	return ecstest.Process{
		Dir:  filepath.Join(s.w.dir, "sites", c.Env["CLIENT_ID"]),
		Args: []string{s.w.Node, "node_modules/.bin/astro", "dev", "--host", c.IP, "--port", "4321"},
		Env:  []string{"ASTRO_TELEMETRY_DISABLED=1"},
	}
}

// starts returns how many tasks were made for a session.
func (s *cloud) starts(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.launched[id]
}

// base is the address of a session, at the balancer.
func (s *cloud) base(id string) string { return s.Front + "/session/" + id + "/" }

// activate makes a session of the client, asleep until its first visit, and returns its id.
func (s *cloud) activate(t *testing.T, client string) string {
	t.Helper()
	got, err := s.APIs[0].Activate(t.Context(), client, "")
	if err != nil {
		t.Fatal(err)
	}
	return got.SessionID
}

// awaitStatus waits until all replicas that run say so.
func (s *cloud) awaitStatus(t *testing.T, id, want string) {
	t.Helper()
	for i, api := range s.APIs {
		if !s.Replicas[i].Running() {
			continue
		}
		eventually(t, fmt.Sprintf("the session to be %s on replica %d", want, i), func() bool {
			got, err := api.Status(t.Context(), id)
			return err == nil && got.Status == want
		})
	}
}

// visit opens the session on one replica, as a browser without JavaScript does, until the site answers.
func (s *cloud) visit(t *testing.T, replica int, id string) {
	t.Helper()
	eventually(t, fmt.Sprintf("replica %d to serve the site", replica), func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Replicas[replica].Address()+"/session/"+id+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "text/html")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// TestReplicas is the main job on AWS with two replicas, whichever of them a request meets: the warming page, a site with
// islands, edits that keep state, falling asleep under open tabs, and waking, after which each tab reloads once.
func TestReplicas(t *testing.T) {
	w := newWorkshop(t)
	site := w.addFixture(t, "a")
	// Long enough for an edit on a busy machine, which is a human sign.
	s := newCloud(t, w, clocks{IdleTimeout: 10 * time.Second, PresenceLimit: 10 * time.Second})
	b := newBrowser(t)
	id := s.activate(t, "a")

	// The two tabs' sockets need not be on different replicas, but mostly are.
	tabs := []*tab{b.newTab(t), b.newTab(t)}
	tabs[0].open(t, s.base(id))
	awaitHome(t, tabs[0], "a")
	if diff := cmp.Diff([]int64{http.StatusServiceUnavailable, http.StatusOK}, tabs[0].documents()); diff != "" {
		t.Errorf("documents of a cold open (-want +got):\n%s\n%s", diff, tabs[0])
	}
	tabs[1].open(t, s.base(id))
	awaitHome(t, tabs[1], "a")
	checkWarm(t, countTraffic(tabs[1], s.base(id)))

	preact := islands[0]
	tabs[0].click(t, "#"+preact.id)
	for _, tb := range tabs {
		tb.forget()
	}
	site.edit(t, preact.file, preact.id+" of", "edited "+preact.id+" of")
	for i, tb := range tabs {
		tb.awaitText(t, "#"+preact.id, fmt.Sprintf("edited %s of a: %d", preact.id, 1-i))
		if n := len(tb.documents()); n > 0 {
			t.Errorf("the edit loaded tab %d again", i)
		}
	}
	if n := s.starts(id); n != 1 {
		t.Errorf("%d tasks were started, want 1", n)
	}

	// In turns, so that whoever holds a tab's socket is the one that wakes once, and once the one that is told.
	for waker := range s.Replicas {
		s.awaitStatus(t, id, "inactive")
		eventually(t, "the dev server to be gone", func() bool { return len(w.processes(t)) == 0 })
		for _, tb := range tabs {
			tb.forget()
		}
		throughout(t, quiet, "the tabs ask for nothing", func() bool {
			return !slices.ContainsFunc(tabs, func(tb *tab) bool { return len(tb.seen()) > 0 })
		})
		s.visit(t, waker, id)
		for i, tb := range tabs {
			eventually(t, fmt.Sprintf("tab %d to reload after replica %d was visited", i, waker), func() bool { return len(tb.documents()) > 0 })
			awaitHome(t, tb, "a")
			// The replica that the reload meets may hear of the task a moment later than the one with the socket.
			loads := slices.DeleteFunc(tb.documents(), func(status int64) bool { return status == http.StatusServiceUnavailable })
			if diff := cmp.Diff([]int64{http.StatusOK}, loads); diff != "" {
				t.Errorf("documents of tab %d after waking, without warming pages (-want +got):\n%s", i, diff)
			}
		}
		if n := s.starts(id); n != 2+waker {
			t.Errorf("%d tasks were started, want %d", n, 2+waker)
		}
	}
}

// load asks for the pages of sessions, through the balancer, until it is stopped.
type load struct {
	mu     sync.Mutex
	good   int
	failed []time.Time // when requests began that did not get their site
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

func (s *cloud) load(t *testing.T, ids []string) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop}
	for _, id := range ids {
		l.ended.Go(func() {
			for tick := time.Tick(20 * time.Millisecond); ctx.Err() == nil; <-tick {
				l.ask(ctx, s.base(id)+"api/echo")
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.ended.Wait()
}

func (l *load) ask(ctx context.Context, url string) {
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		panic(err)
	}
	ok := false
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		response.Body.Close()
		ok = response.StatusCode == http.StatusOK
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case ok:
		l.good++
	case ctx.Err() == nil:
		l.failed = append(l.failed, began)
	}
}

// counts returns the requests that were served so far, and those of the failed that began since.
func (l *load) counts(since time.Time) (good, failed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.failed {
		if at.After(since) {
			failed++
		}
	}
	return l.good, failed
}

// TestReplicaKilled kills one replica, and then pauses the one and the other, under requests and open tabs. The tabs
// recover by themselves; no session is lost, started again or stopped.
func TestReplicaKilled(t *testing.T) {
	w := newWorkshop(t)
	sites := []*site{w.addFixture(t, "a"), w.addFixture(t, "b")}
	s := newCloud(t, w, unhurried)
	b := newBrowser(t)
	var ids []string
	var tabs []*tab
	for _, site := range sites {
		id := s.activate(t, site.name)
		ids = append(ids, id)
		for range s.Replicas { // in turns: a socket on each of them
			tb := b.newTab(t)
			tb.open(t, s.base(id))
			awaitHome(t, tb, site.name)
			tabs = append(tabs, tb)
		}
	}
	l := s.load(t, ids)
	s.check(t, sites, ids, tabs, "the start")

	// The replica that has more of the sockets: some tabs lose theirs.
	victim := s.Replicas[0]
	if s.sockets(t, 1) > s.sockets(t, 0) {
		victim = s.Replicas[1]
	}
	for _, tb := range tabs {
		tb.forget()
	}
	killed := time.Now()
	victim.Kill()
	eventually(t, "a tab to come back", func() bool {
		return slices.ContainsFunc(tabs, func(tb *tab) bool { return len(tb.documents()) > 0 })
	})
	s.check(t, sites, ids, tabs, "SIGKILL")
	l.report(t, "SIGKILL", killed)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := victim.Start(ctx); err != nil {
		t.Fatal(err)
	}
	s.check(t, sites, ids, tabs, "its return")

	// Longer than a lease lasts, so that whoever holds it loses it.
	const pause = 20 * time.Second
	for i, r := range s.Replicas {
		paused := time.Now()
		signal(t, r, syscall.SIGSTOP)
		throughout(t, pause, "all tasks run", func() bool { return len(s.ECS.Running()) == len(ids) })
		signal(t, r, syscall.SIGCONT)
		what := fmt.Sprintf("SIGSTOP of replica %d", i)
		s.check(t, sites, ids, tabs, what)
		l.report(t, what, paused)
	}
}

// sockets returns the number of open sockets that a replica has.
func (s *cloud) sockets(t *testing.T, replica int) float64 {
	t.Helper()
	n, err := s.APIs[replica].Metric(t.Context(), "warmgate_sockets_open")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// report waits until requests are served again, and says what a disturbance has cost.
func (l *load) report(t *testing.T, what string, since time.Time) {
	t.Helper()
	before, failed := l.counts(since)
	eventually(t, "requests to be served", func() bool { good, _ := l.counts(since); return good > before+50 })
	t.Logf("%s: %d requests were broken or refused", what, failed)
}

func signal(t *testing.T, r *replicas.Replica, sig syscall.Signal) {
	t.Helper()
	if err := r.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// check edits each site and sees the change in its tabs, each of which has one socket; every session is awake, on the task
// that it has had all along.
func (s *cloud) check(t *testing.T, sites []*site, ids []string, tabs []*tab, after string) {
	t.Helper()
	preact := islands[0]
	for i, site := range sites {
		mine := tabs[i*len(s.Replicas) : (i+1)*len(s.Replicas)]
		for _, way := range [][2]string{{preact.id + " of", "edited " + preact.id + " of"}, {"edited " + preact.id + " of", preact.id + " of"}} {
			site.edit(t, preact.file, way[0], way[1])
			for _, tb := range mine {
				tb.await(t, fmt.Sprintf("document.querySelector('#%s')?.textContent.startsWith(%q)", preact.id, way[1]))
			}
		}
		for n, tb := range mine {
			eventually(t, fmt.Sprintf("tab %d of %s to have one socket", n, site.name), func() bool { return len(tb.openSockets()) == 1 })
		}
		if n := s.starts(ids[i]); n != 1 {
			t.Errorf("after %s: %s was started %d times, want once", after, site.name, n)
		}
		s.awaitStatus(t, ids[i], "active")
	}
	if n := s.ECS.Count("StopTask"); n > 0 {
		t.Errorf("after %s: %d tasks were stopped", after, n)
	}
}
