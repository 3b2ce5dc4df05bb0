package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// output collects what a running command writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// server is warmgate serve on free ports, in a folder of its own.
type server struct {
	t              *testing.T
	folder         string
	stdout, stderr output
	public, admin  string
	health         string
	stop           context.CancelFunc
	done           chan error
}

// start runs serve with this configuration; listeners and paths are its own.
func start(t *testing.T, config string) *server {
	t.Helper()
	s := newServerIn(t, t.TempDir(), config)
	s.start()
	return s
}

func newServerIn(t *testing.T, folder, config string) *server {
	t.Helper()
	s := &server{t: t, folder: folder}
	config = "listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\nhealth: { listen: 127.0.0.1:0 }\n" + config
	if err := os.WriteFile(s.configFile(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) configFile() string { return filepath.Join(s.folder, "warmgate.yaml") }

var (
	publicLine = regexp.MustCompile(`public +(\S+)`)
	adminLine  = regexp.MustCompile(`admin +(\S+)`)
	healthLine = regexp.MustCompile(`health +(\S+)`)
)

func (s *server) start() {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	s.stop, s.done = stop, make(chan error, 1)
	go func() {
		s.done <- run(ctx, []string{"serve", "--config", s.configFile()}, environment(nil), &s.stdout, &s.stderr)
	}()
	s.t.Cleanup(func() { stop() })
	eventually(s.t, "serve tells its addresses", func() bool {
		select {
		case err := <-s.done:
			s.t.Fatalf("serve ended: %v\n%s", err, s.stderr.String())
		default:
		}
		for line, address := range map[*regexp.Regexp]*string{publicLine: &s.public, adminLine: &s.admin, healthLine: &s.health} {
			m := line.FindStringSubmatch(s.stderr.String())
			if m == nil {
				return false
			}
			*address = m[1]
		}
		return true
	})
}

// end stops the server as a signal does and expects a clean end.
func (s *server) end() {
	s.t.Helper()
	s.stop()
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("serve = %v, want nil", err)
		}
	case <-time.After(30 * time.Second):
		s.t.Fatal("serve does not end")
	}
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("not so in time: %s", what)
		}
		wait := time.NewTimer(5 * time.Millisecond)
		<-wait.C
	}
}

// get returns the status and body at url.
func get(t *testing.T, url string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// cli runs a session command against the server.
func (s *server) cli(args ...string) (string, error) {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	args = append(args, "--config", s.configFile(), "--admin-url", s.admin)
	err := run(s.t.Context(), args, environment(map[string]string{"USER": "ann"}), &stdout, &stderr)
	return stdout.String(), err
}

// site is an upstream that tells which path it was asked for.
func site(t *testing.T) string {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "site %s", r.URL.Path)
	}))
	t.Cleanup(upstream.Close)
	return upstream.Listener.Addr().String()
}

func staticPool(address string) string {
	return "pools:\n  edit: { key: '{session}', driver: static, static: { addresses: ['" + address + "'] } }\n"
}

// sitePort has the port in the environment of a test binary that is to be a site.
const sitePort = "TEST_SITE_PORT"

// TestMain finds goroutines that a server has left behind. As a child of the
// process driver the test binary is a site.
func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	if port := os.Getenv(sitePort); port != "" {
		beSite(port)
	}
	goleak.VerifyTestMain(m)
}

// beSite serves the name of the working folder until it is stopped.
func beSite(port string) {
	server := http.Server{
		Addr: net.JoinHostPort("127.0.0.1", port), ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			folder, _ := os.Getwd()
			fmt.Fprintf(w, "process %d in %s", os.Getpid(), filepath.Base(folder))
		}),
	}
	fmt.Println(server.ListenAndServe())
	os.Exit(1)
}

// TestServeProcesses: a site's folder comes from the pool's template, and its
// process ends with the server.
func TestServeProcesses(t *testing.T) {
	t.Parallel()
	config := fmt.Sprintf("pools:\n  edit: { key: '{session}', process: { dir: 'sites/{client}', command: [%q], env: { %s: '{port}' } } }\n",
		os.Args[0], sitePort)
	s := newServerIn(t, t.TempDir(), config)
	if err := os.MkdirAll(filepath.Join(s.folder, "sites", "acme"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.start()
	if _, err := s.cli("session", "activate", "--client", "acme", "--id", "one"); err != nil {
		t.Fatal(err)
	}
	status, body := get(t, s.public+"/session/one/") // held until the site answers
	var pid int
	var folder string
	if _, err := fmt.Sscanf(body, "process %d in %s", &pid, &folder); err != nil || status != 200 || folder != "acme" {
		t.Fatalf("the preview = %d %q, want the site in sites/acme", status, body)
	}
	if _, err := s.cli("session", "activate", "--client", "nobody", "--id", "two"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the start without a folder fails", func() bool {
		out, err := s.cli("session", "status", "two")
		return err == nil && strings.Contains(out, "there is no folder")
	})
	s.end()
	site, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Signal(syscall.Signal(0)); err == nil {
		t.Errorf("process %d is left behind", pid)
	}
}

// TestManagementOnThePublicListener: with a rule for it, by a known name, with the
// token, and never for a browser page: the sessions' sites share that origin.
func TestManagementOnThePublicListener(t *testing.T) {
	t.Parallel()
	s := start(t, staticPool(site(t))+"routes: [{ priority: 4, path: ['/hermes/api/sessions*'], management: {} }]\n")
	defer s.end()
	token, err := os.ReadFile(filepath.Join(s.folder, ".warmgate", "token"))
	if err != nil {
		t.Fatal(err)
	}
	bearer := "Bearer " + strings.TrimSpace(string(token))
	url := s.public + "/hermes/api/sessions"
	if status, body := get(t, url, "Authorization", bearer); status != 200 || strings.TrimSpace(body) != "[]" {
		t.Errorf("with the token = %d %q, want an empty list", status, body)
	}
	if status, _ := get(t, url); status != 401 {
		t.Errorf("without = %d, want 401", status)
	}
	if status, _ := get(t, url, "Authorization", bearer, "Sec-Fetch-Site", "same-origin"); status != 403 {
		t.Errorf("from a page of the same origin = %d, want 403", status)
	}
	if status, _ := get(t, s.public+"/api/sessions", "Authorization", bearer); status != 404 {
		t.Errorf("where no rule is = %d, want 404", status)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	address := site(t)
	s := start(t, staticPool(address))

	if status, body := get(t, s.health+"/readyz"); status != 200 {
		t.Errorf("/readyz = %d %q, want 200", status, body)
	}
	out, err := s.cli("session", "activate", "--client", "demo", "--id", "demo")
	if err != nil || !strings.Contains(out, s.public+"/session/demo/") {
		t.Fatalf("activate = %v, %q; want the preview URL below %s", err, out, s.public)
	}
	eventually(t, "the session is active", func() bool {
		out, err = s.cli("session", "status", "demo", "--json")
		return err == nil && strings.Contains(out, `"status": "active"`)
	})
	if status, body := get(t, s.public+"/session/demo/about"); status != 200 || body != "site /about" {
		t.Errorf("the preview = %d %q, want the site's answer without the prefix", status, body)
	}
	if out, err = s.cli("session", "list"); err != nil || !strings.Contains(out, "demo") {
		t.Errorf("list = %v, %q; want demo in it", err, out)
	}
	if out, err = s.cli("session", "list", "--client", "nobody"); err != nil || !strings.Contains(out, "There are no sessions") {
		t.Errorf("list of nobody = %v, %q; want none", err, out)
	}
	if out, err = s.cli("session", "keepalive", "demo"); err != nil || !strings.Contains(out, "in 30m") {
		t.Errorf("keepalive = %v, %q; want 30 more minutes", err, out)
	}
	if out, err = s.cli("session", "end", "demo"); err != nil || !strings.Contains(out, "draining") {
		t.Errorf("end = %v, %q; want draining", err, out)
	}
	if status, _ := get(t, s.public+"/session/demo/", "Accept", "text/html"); status != 404 {
		t.Errorf("the ended preview = %d, want 404", status)
	}
	s.checkAdmin()
	s.end()
	s.checkAccessLog()
}

// checkAdmin: the token is needed, whoever asks, and the metrics are there.
func (s *server) checkAdmin() {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.folder, ".warmgate", "token"))
	if err != nil {
		s.t.Fatal(err)
	}
	bearer := "Bearer " + strings.TrimSpace(string(token))
	for _, path := range []string{"/metrics", "/api/sessions", "/debug/pprof/"} {
		if status, _ := get(s.t, s.admin+path); status != 401 {
			s.t.Errorf("%s without a token = %d, want 401", path, status)
		}
		if status, _ := get(s.t, s.admin+path, "Authorization", bearer); status != 200 {
			s.t.Errorf("%s = %d, want 200", path, status)
		}
	}
	if strings.Contains(s.stderr.String(), strings.TrimSpace(string(token))) {
		s.t.Error("the token is in the log")
	}
}

// checkAccessLog: one JSON line for each request of the public listener.
func (s *server) checkAccessLog() {
	s.t.Helper()
	lines := strings.Split(strings.TrimSpace(s.stdout.String()), "\n")
	if len(lines) != 2 {
		s.t.Errorf("access log has %d lines, want 2:\n%s", len(lines), s.stdout.String())
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			s.t.Errorf("access line %q is no JSON", line)
		}
	}
}

func TestSessionsSurviveARestart(t *testing.T) {
	t.Parallel()
	config := staticPool(site(t))
	s := start(t, config)
	if _, err := s.cli("session", "activate", "--client", "demo", "--id", "demo"); err != nil {
		t.Fatal(err)
	}
	s.end()
	again := newServerIn(t, s.folder, config)
	again.start()
	if out, err := again.cli("session", "status", "demo"); err != nil || !strings.Contains(out, "demo") {
		t.Errorf("status after a restart = %v, %q; want the session", err, out)
	}
	if status, body := get(t, again.public+"/session/demo/x"); status != 200 || body != "site /x" {
		t.Errorf("the preview after a restart = %d %q, want the site", status, body)
	}
	again.end()
}

// TestHeldRequestsAreAnsweredAtTheEnd: a request that waits for its session when
// the signal comes is served all the same.
func TestHeldRequestsAreAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	ready := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ready:
			_, _ = io.WriteString(w, "late site")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(upstream.Close)
	s := start(t, staticPool(upstream.Listener.Addr().String()))
	if _, err := s.cli("session", "activate", "--client", "demo", "--id", "demo", "--asleep"); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		status int
		body   string
	}
	answered := make(chan answer, 1)
	go func() {
		status, body := get(t, s.public+"/session/demo/api")
		answered <- answer{status, body}
	}()
	eventually(t, "the request is held", func() bool {
		out, err := s.cli("session", "status", "demo", "--json")
		return err == nil && strings.Contains(out, `"waiters": 1`)
	})
	s.stop()
	eventually(t, "/readyz says draining", func() bool {
		status, _ := get(t, s.admin+"/readyz")
		return status == 503
	})
	close(ready)
	if a := <-answered; a.status != 200 || a.body != "late site" {
		t.Errorf("the held request = %d %q, want the site", a.status, a.body)
	}
	s.end()
}

func TestServeMistakes(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	for name, test := range map[string]struct{ config, want string }{
		"mistakes":       {"sessions: { ttl: 1m }\n", "has mistakes:\nsessions.idle_timeout"},
		"address in use": {"listen: " + taken.Addr().String() + "\n", "listen: another process listens on " + taken.Addr().String()},
		"no store":       {"listen: 127.0.0.1:0\nhealth: { listen: '' }\nadmin: { listen: 127.0.0.1:0 }\nstore: { path: warmgate.yaml }\n", "store.path: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "warmgate.yaml")
			if err := os.WriteFile(file, []byte(test.config), 0o600); err != nil {
				t.Fatal(err)
			}
			err := run(t.Context(), []string{"serve", "--config", file}, environment(nil), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("serve = %v, want %q", err, test.want)
			}
		})
	}
}
