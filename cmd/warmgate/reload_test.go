package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ownListeners begins every configuration of a test's server.
const ownListeners = "listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\nhealth: { listen: 127.0.0.1:0 }\n"

// write replaces the server's configuration.
func (s *server) write(config string) {
	s.t.Helper()
	if err := os.WriteFile(s.configFile(), []byte(ownListeners+config), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// reload runs warmgate reload and returns its report.
func (s *server) reload() (reloadReport, error) {
	s.t.Helper()
	var report reloadReport
	out, err := s.cli("reload", "--json")
	if err != nil {
		return report, err
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		s.t.Fatalf("reload printed %q: %v", out, err)
	}
	return report, nil
}

func fixedRoute(text string) string {
	return "routes: [{ default: true, fixed_response: { status_code: 200, body: " + text + " } }]\n"
}

func TestReload(t *testing.T) {
	t.Parallel()
	pool := staticPool(site(t))
	first := pool + fixedRoute("first")
	s := start(t, first)
	defer s.end()
	for _, step := range []struct {
		name, config string
		changed      []string
		restart      []string
		body         string
	}{
		{"the same again", first, []string{}, []string{}, "first"},
		{"other routes", pool + fixedRoute("second"), []string{"routes"}, []string{}, "second"},
		{
			"everything that can change", pool + fixedRoute("third") + `
trusted_proxies: [10.0.0.0/8]
cold: { holds: 7 }
sessions: { gone: "https://example.com/" }
sockets: { origins: ["https://a.example.com"] }
shutdown: { drain: 61s }
log: { level: debug }
`,
			[]string{"trusted_proxies", "sessions.gone", "cold.holds", "sockets.origins", "shutdown.drain", "log.level", "routes"},
			[]string{},
			"third",
		},
		{
			"what needs a restart", pool + "  more: { driver: static, static: { addresses: ['127.0.0.1:1'] } }\n" +
				fixedRoute("fourth") + "sessions: { ttl: 31m }\nlimits: { idle_timeout: 76s }\n",
			[]string{"trusted_proxies", "sessions.gone", "cold.holds", "sockets.origins", "shutdown.drain", "log.level", "routes"},
			[]string{"sessions.ttl", "limits.idle_timeout", "pools.more"},
			"fourth",
		},
		{"back", first, []string{"routes"}, []string{}, "first"},
	} {
		s.write(step.config)
		report, err := s.reload()
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		want := reloadReport{File: s.configFile(), Changed: step.changed, NeedsRestart: step.restart}
		if diff := cmp.Diff(want, report); diff != "" {
			t.Errorf("%s: report (-want +got):\n%s", step.name, diff)
		}
		if _, body := get(t, s.public); body != step.body {
			t.Errorf("%s: the site = %q, want %q", step.name, body, step.body)
		}
	}
	if n := s.metric(`warmgate_config_reloads_total{outcome="ok"}`); n != 5 {
		t.Errorf("%v reloads counted, want 5", n)
	}
	out, err := s.cli("reload")
	if err != nil || !strings.Contains(out, "Nothing has changed.") {
		t.Errorf("reload for people = %q, %v", out, err)
	}
}

// TestReloadRefused: a file with mistakes, or one that would be wrong without a
// restart, changes nothing, and everybody is told why.
func TestReloadRefused(t *testing.T) {
	t.Parallel()
	pool := staticPool(site(t))
	session := "routes: [{ priority: 15, path: ['/session/*'], session: { pool: %s, allow_guessable: true } }, { default: true, fixed_response: { status_code: 200, body: %s } }]\n"
	first := pool + fmt.Sprintf(session, "edit", "first")
	other := "pools: { other: { driver: static, static: { addresses: ['127.0.0.1:1'] } } }\n"
	s := start(t, first)
	defer s.end()
	for name, test := range map[string]struct{ config, want string }{
		"a mistake":         {pool + fixedRoute("x") + "cold: { holds: -1 }\n", "cold.holds: is negative"},
		"an unknown key":    {first + "lisen: x\n", `unknown key "lisen"`},
		"a new pool":        {other + fmt.Sprintf(session, "other", "x"), `routes[0].session.pool: there is no pool "other"`},
		"another readiness": {pool + strings.Replace(fmt.Sprintf(session, "edit", "x"), "pool: edit", "pool: edit, prefix: keep", 1), `where pool "edit" is asked`},
	} {
		s.write(test.config)
		if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: reload = %v, want %q", name, err, test.want)
		}
		if _, body := get(t, s.public); body != "first" {
			t.Errorf("%s: the site = %q, want the first one", name, body)
		}
	}
	if ok := s.metric("warmgate_config_last_reload_successful"); ok != 0 {
		t.Errorf("the last reload counts as successful: %v", ok)
	}
	if !strings.Contains(s.stderr.String(), "was not reloaded; nothing has changed") {
		t.Error("the log says nothing of the refused reloads")
	}
	s.write(first)
	if _, err := s.reload(); err != nil {
		t.Errorf("reload of the first file = %v", err)
	}
	if ok := s.metric("warmgate_config_last_reload_successful"); ok != 1 {
		t.Errorf("the last reload counts as failed: %v", ok)
	}
}

// TestReloadNeedsTheToken: like the rest of the management API.
func TestReloadNeedsTheToken(t *testing.T) {
	t.Parallel()
	s := start(t, staticPool(site(t)))
	defer s.end()
	res, err := http.Post(s.admin+"/api/reload", "", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("reload without a token = %d, want 401", res.StatusCode)
	}
}

// TestReloadUnderLoad alternates two tables while clients ask on connections that
// they keep, and while requests are held: none fails.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	const reloads, clients, held = 200, 8, 20
	ready := make(chan struct{})
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ready:
			_, _ = io.WriteString(w, "late "+r.URL.Path)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(late.Close)
	upstream := site(t)
	tables := [2]string{}
	for i := range tables {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "file.txt"), []byte("static"), 0o600); err != nil {
			t.Fatal(err)
		}
		tables[i] = staticPool(late.Listener.Addr().String()) + fmt.Sprintf(`routes:
  - { priority: %d, path: ["/session/*"], session: { pool: edit, allow_guessable: true } }
  - { priority: %d, path: ["/site/*"], forward: { urls: ["http://%s"] } }
  - { default: true, static: { dir: %q } }
`, 15+i, 25-i, upstream, dir)
	}
	s := start(t, tables[0])
	if _, err := s.cli("session", "activate", "--client", "demo", "--id", "demo", "--asleep"); err != nil {
		t.Fatal(err)
	}

	var work, waiting sync.WaitGroup
	for i := range held {
		waiting.Go(func() {
			if status, body := get(t, fmt.Sprintf("%s/session/demo/%d.js", s.public, i)); status != 200 || body != fmt.Sprintf("late /%d.js", i) {
				t.Errorf("held request %d = %d %q", i, status, body)
			}
		})
	}
	eventually(t, "the requests are held", func() bool { return s.metric("warmgate_held_requests ") == held })
	var asked atomic.Int64
	done := make(chan struct{})
	for range clients {
		work.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-done:
					return
				default:
				}
				for path, want := range map[string]string{"/site/x": "site /site/x", "/file.txt": "static"} {
					res, err := client.Get(s.public + path)
					if err != nil {
						t.Errorf("%s: %v", path, err)
						return
					}
					body, err := io.ReadAll(res.Body)
					res.Body.Close()
					if err != nil || res.StatusCode != 200 || string(body) != want {
						t.Errorf("%s = %d %q, %v", path, res.StatusCode, body, err)
						return
					}
					asked.Add(1)
				}
			}
		})
	}
	before := openFiles(t)
	for i := range reloads {
		s.write(tables[(i+1)%2])
		if report, err := s.reload(); err != nil || !cmp.Equal(report.Changed, []string{"routes"}) {
			t.Fatalf("reload %d = %+v, %v", i, report, err)
		}
	}
	close(done)
	work.Wait()
	if after := openFiles(t); after > before+reloads/2 {
		t.Errorf("%d files are open after %d reloads, %d before: folders are not closed", after, reloads, before)
	}
	close(ready)
	waiting.Wait()
	if n := asked.Load(); n < clients {
		t.Errorf("only %d requests during the reloads", n)
	}
	t.Logf("%d requests during %d reloads", asked.Load(), reloads)
	s.end()
}

// openFiles counts this process's open files; other tests run beside.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(entries)
}

// TestHangup: SIGHUP reloads, also a bad file, and the process lives on.
func TestHangup(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "warmgate.yaml")
	write := func(level string) {
		t.Helper()
		config := ownListeners + "log: { level: " + level + " }\n"
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("info")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "serve")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), asMain+"=1")
	cmd.WaitDelay = time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		switch {
		case strings.HasPrefix(lines.Text(), "  health"): // the last of what it says at first
			write("silly")
			err = cmd.Process.Signal(syscall.SIGHUP)
		case strings.Contains(lines.Text(), "was not reloaded"):
			write("debug")
			err = cmd.Process.Signal(syscall.SIGHUP)
		case strings.Contains(lines.Text(), "reloaded the configuration"):
			err = cmd.Process.Signal(syscall.SIGTERM)
		}
		if err != nil {
			t.Errorf("send a signal: %v", err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("serve = %v, want it to end in order\n%s", err, said.String())
	}
	if !strings.Contains(said.String(), `changed=log.level`) {
		t.Errorf("no reload took over log.level:\n%s", said.String())
	}
}
