package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
)

// processPool is the configuration of a pool that runs the test binary as a site
// in the folder of the pool's name.
func processPool(name, more string) string {
	return fmt.Sprintf("  %s: { driver: process, %s process: { dir: %s, command: [%q], env: { %s: '{port}' } } }\n",
		name, more, name, os.Args[0], sitePort)
}

// processOf asks the site at url, and waits for it if it sleeps, for its process.
func (s *server) processOf(path, folder string) int {
	s.t.Helper()
	status, body := get(s.t, s.public+path)
	var pid int
	var in string
	if _, err := fmt.Sscanf(body, "process %d in %s", &pid, &in); err != nil || status != http.StatusOK || in != folder {
		s.t.Fatalf("%s = %d %q, want the site in %s", path, status, body, folder)
	}
	return pid
}

func alive(t *testing.T, pid int) bool {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	return p.Signal(syscall.Signal(0)) == nil
}

// TestForwardToPool: a pool starts with the first request that a forward rule gives
// it, sleeps after its own idle timeout and wakes again; one without never sleeps.
// Neither is a session.
func TestForwardToPool(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, t.TempDir(), "pools:\n"+processPool("hermes", "idle_timeout: 500ms, cooldown: 100ms,")+processPool("steady", "")+`
sessions: { idle_timeout: 100ms, presence_limit: 100ms }
routes:
  - { priority: 5, path: ["/hermes/*"], forward: { pool: hermes } }
  - { priority: 6, path: ["/steady/*"], forward: { pool: steady } }
`)
	for _, name := range []string{"hermes", "steady"} {
		if err := os.Mkdir(filepath.Join(s.folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.start()
	steady := s.processOf("/steady/", "steady")
	first := s.processOf("/hermes/api/x?y=1", "hermes")
	if again := s.processOf("/hermes/api/x", "hermes"); again != first {
		t.Errorf("the second request met process %d, want %d", again, first)
	}
	if out, err := s.cli("session", "list"); err != nil || !strings.Contains(out, "There are no sessions") {
		t.Errorf("session list = %q, %v, want none", out, err)
	}
	if n := s.metric("warmgate_sessions_awake"); n != 0 {
		t.Errorf("warmgate_sessions_awake = %v, want 0: a pool is no session", n)
	}
	eventually(t, "the idle pool's process is stopped", func() bool { return !alive(t, first) })

	res, err := http.Post(s.public+"/hermes/", "text/plain", strings.NewReader("form"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), "in hermes") || strings.Contains(string(body), fmt.Sprint(first)) {
		t.Errorf("after the sleep = %d %q, %v, want another process", res.StatusCode, body, err)
	}
	if now := s.processOf("/steady/", "steady"); now != steady {
		t.Errorf("the pool without an idle timeout has process %d now, want %d", now, steady)
	}
	s.end()
	if alive(t, steady) {
		t.Error("a process is left behind")
	}
}

// TestForwardToPoolOfEachDriver: the customer's service on ECS, and fixed addresses,
// which are found again after a restart.
func TestForwardToPoolOfEachDriver(t *testing.T) {
	f, url := fargate(t)
	f.AddService(ecstest.Service{Name: "hermes-service"})
	s := newServerIn(t, t.TempDir(), fmt.Sprintf(`
pools:
  hermes: { driver: ecs-service, ecs: { region: us-west-2, endpoint: %q, cluster: edit-cluster, service: hermes-service } }
  fixed: { driver: static, static: { addresses: [%q] } }
routes:
  - { priority: 5, path: ["/hermes/*"], forward: { pool: hermes } }
  - { priority: 6, path: ["/fixed/*"], forward: { weighted: [{ pool: fixed, weight: 1 }, { pool: hermes, weight: 0 }] } }
`, url, site(t)))
	s.start()
	if got := f.Desired("hermes-service"); got != 0 {
		t.Errorf("before any request %d tasks are desired, want 0", got)
	}
	for range 3 {
		if status, body := get(t, s.public+"/hermes/jobs"); status != http.StatusOK {
			t.Errorf("/hermes/jobs = %d %q", status, body)
		}
		if status, body := get(t, s.public+"/fixed/x"); status != http.StatusOK || body != "site /fixed/x" {
			t.Errorf("/fixed/x = %d %q", status, body)
		}
	}
	if got := f.Desired("hermes-service"); got != 1 || f.Count("UpdateService") != 1 {
		t.Errorf("%d tasks are desired after %d calls, want 1 after 1", got, f.Count("UpdateService"))
	}
	s.end()

	again := &server{t: t, folder: s.folder}
	again.start()
	if status, body := get(t, again.public+"/fixed/x"); status != http.StatusOK || body != "site /fixed/x" {
		t.Errorf("after a restart /fixed/x = %d %q", status, body)
	}
	if status, _ := get(t, again.public+"/hermes/jobs"); status != http.StatusOK || f.Count("UpdateService") != 1 {
		t.Errorf("after a restart /hermes/jobs = %d, UpdateService was called %d times, want the task that runs", status, f.Count("UpdateService"))
	}
	again.end()
}

// TestPoolCommands: what is known of a pool, and a wake by hand.
func TestPoolCommands(t *testing.T) {
	t.Parallel()
	s := start(t, fmt.Sprintf(`
pools:
  edit: { key: "{session}", driver: static, static: { addresses: ["127.0.0.1:1"] } }
  hermes: { driver: static, idle_timeout: 1h, static: { addresses: [%q] } }
routes:
  - { priority: 5, path: ["/hermes/*"], forward: { pool: hermes } }
`, site(t)))
	defer s.end()
	out, err := s.cli("pool", "list")
	if err != nil || !strings.Contains(out, "hermes") || !strings.Contains(out, "inactive") || strings.Contains(out, "edit") {
		t.Errorf("pool list = %q, %v, want hermes asleep and no pool of sessions", out, err)
	}
	if out, err := s.cli("explain", "GET", "/hermes/x", "--server"); err != nil || !strings.Contains(out, "asleep; a request wakes it") {
		t.Errorf("explain --server = %q, %v, want what the pool does", out, err)
	}
	if out, err := s.cli("pool", "wake", "hermes"); err != nil || !strings.Contains(out, "hermes") {
		t.Errorf("pool wake = %q, %v", out, err)
	}
	eventually(t, "the pool serves", func() bool {
		out, err := s.cli("pool", "status", "hermes")
		return err == nil && strings.Contains(out, "active") && strings.Contains(out, "a management call") &&
			strings.Contains(out, "target") && strings.Contains(out, "sleeps")
	})
	for _, verb := range []string{"status", "wake"} {
		for _, name := range []string{"edit", "nobody"} {
			if out, err := s.cli("pool", verb, name); err == nil {
				t.Errorf("pool %s %s = %q, want an error: no forward rule uses it", verb, name, out)
			}
		}
	}
	if out, err := s.cli("pool", "list", "--json"); err != nil || !strings.Contains(out, `"pool": "hermes"`) || strings.Contains(out, "sessionId") {
		t.Errorf("pool list --json = %q, %v", out, err)
	}
}

// TestStaysUp: whose idle timeout nothing says has no task too many, if forward
// rules use it.
func TestStaysUp(t *testing.T) {
	t.Parallel()
	weight := 1
	c := &Config{
		Pools: map[string]*PoolConfig{"plain": {}, "weighted": {}, "timed": {IdleTimeout: 1}, "sessions": {}},
		Routes: []RouteConfig{
			{Forward: &ForwardAction{Pool: "plain"}},
			{Forward: &ForwardAction{Pool: "timed"}},
			{Forward: &ForwardAction{Weighted: []WeightedForward{{Pool: "weighted", Weight: &weight}}}},
			{Session: &SessionAction{Pool: "sessions"}},
		},
	}
	for pool, want := range map[string]bool{"plain": true, "weighted": true, "timed": false, "sessions": false, "unknown": false} {
		if got := c.staysUp(pool); got != want {
			t.Errorf("staysUp(%s) = %v, want %v", pool, got, want)
		}
	}
}
