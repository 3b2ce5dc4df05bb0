//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
)

const binary = "../../bin/warmgate"

// clocks are the session clocks of a server.
type clocks struct {
	IdleTimeout, PresenceLimit time.Duration
}

// unhurried clocks put nothing to sleep while a test looks.
var unhurried = clocks{IdleTimeout: 10 * time.Minute, PresenceLimit: 20 * time.Minute}

// drowsy clocks put a session to sleep within seconds.
var drowsy = clocks{IdleTimeout: 3 * time.Second, PresenceLimit: 4 * time.Second}

var configTemplate = template.Must(template.New("warmgate.yaml").Parse(`
listen: "127.0.0.1:{{.Port}}"
public_url: http://localhost:{{.Port}}
health: { listen: "127.0.0.1:{{.HealthPort}}" }
admin: { listen: "127.0.0.1:{{.AdminPort}}", token_file: {{.State}}/token }
store: { kind: bolt, path: {{.State}}/sessions.db }
sessions:
  ttl: 1h
  idle_timeout: {{.Clocks.IdleTimeout}}
  presence_limit: {{.Clocks.PresenceLimit}}
  touch_interval: 1s
pools:
  sites:
    key: "{session}"
    driver: process
    process:
      dir: "{{.Sites}}/{client}"
      command: ["{{.Node}}", "node_modules/.bin/astro", "dev", "--host", "127.0.0.1", "--port", "{port}"]
      env: { ASTRO_TELEMETRY_DISABLED: "1" }
  jobs: { driver: process, process: { dir: ".", command: ["{{.Node}}", "jobs.js", "{port}"] } }
routes:
  - { priority: 5, path: ["/jobs/*"], forward: { pool: jobs } }
  - { priority: 10, path: ["/session/*"], session: { pool: sites, allow_guessable: true } }
`))

// server is one run, or several in a row, of the built binary over the sites of a workshop.
type server struct {
	*workshop
	Clocks                      clocks
	State                       string // folder of the configuration, the store and the token
	Port, HealthPort, AdminPort int
	cmd                         *exec.Cmd
	exited                      chan struct{}
	output                      output
}

// Sites is the folder of the sites; the configuration's template asks for it.
func (s *server) Sites() string { return filepath.Join(s.dir, "sites") }

// newServer starts the binary over the workshop's sites. At the end of the test it is stopped, and must leave no
// process behind.
func newServer(t *testing.T, w *workshop, c clocks) *server {
	t.Helper()
	s := &server{workshop: w, Clocks: c, State: t.TempDir(), Port: freePort(t), HealthPort: freePort(t), AdminPort: freePort(t)}
	var config bytes.Buffer
	if err := configTemplate.Execute(&config, s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config(), config.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	t.Cleanup(func() {
		s.stop(t, syscall.SIGTERM)
		if left := s.processes(t); len(left) > 0 {
			t.Errorf("processes left behind: %v", left)
		}
		if t.Failed() {
			t.Logf("log of the server:\n%s", s.output.String())
		}
	})
	return s
}

func (s *server) config() string { return filepath.Join(s.State, "warmgate.yaml") }

// start runs the binary and waits until it is ready.
func (s *server) start(t *testing.T) {
	t.Helper()
	path, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(path, "serve", "--config", s.config())
	s.cmd.Dir = s.State
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start the server (make build makes it): %v", err)
	}
	s.exited = make(chan struct{})
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait()
	}()
	eventually(t, "the server to be ready", func() bool {
		select {
		case <-s.exited:
			t.Fatalf("the server ended: %v\n%s", s.cmd.ProcessState, s.output.String())
		default:
		}
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", s.HealthPort))
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// stop sends the signal and waits for the end.
func (s *server) stop(t *testing.T, signal syscall.Signal) {
	t.Helper()
	_ = s.cmd.Process.Signal(signal)
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		t.Errorf("the server has not ended %v after %v", patience, signal)
	}
}

// base is the address of a session.
func (s *server) base(id string) string {
	return fmt.Sprintf("http://localhost:%d/session/%s/", s.Port, id)
}

// status is what the management API says of a session.
type status struct {
	SessionID  string `json:"sessionId"`
	Status     string `json:"status"`
	PreviewURL string `json:"previewUrl"`
}

// activate makes a session of the client, asleep until its first visit, and returns its id.
func (s *server) activate(t *testing.T, client string) string {
	t.Helper()
	got := s.manage(t, http.MethodPost, "activate", map[string]any{"clientId": client, "userId": "tester", "wake": false})
	if want := s.base(got.SessionID); got.PreviewURL != want {
		t.Errorf("previewUrl = %q, want %q", got.PreviewURL, want)
	}
	return got.SessionID
}

// statusOf returns the stored status word of a session.
func (s *server) statusOf(t *testing.T, id string) string {
	t.Helper()
	return s.manage(t, http.MethodGet, id+"/status", nil).Status
}

func (s *server) awaitStatus(t *testing.T, id, want string) {
	t.Helper()
	eventually(t, "session to be "+want, func() bool { return s.statusOf(t, id) == want })
}

// end deactivates a session.
func (s *server) end(t *testing.T, id string) {
	t.Helper()
	s.manage(t, http.MethodPost, id+"/deactivate", struct{}{})
}

// manage calls the management API at /api/sessions/path.
func (s *server) manage(t *testing.T, method, path string, body any) status {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(s.State, "token"))
	if err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), method,
		fmt.Sprintf("http://127.0.0.1:%d/api/sessions/%s", s.AdminPort, path), &sent)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v\n%s", method, path, response.Status, err, text)
	}
	var got status
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return got
}

// accessed counts the lines of the access log that are about requests for the session.
func (s *server) accessed(id string) int {
	n := 0
	for line := range strings.Lines(s.output.String()) {
		var entry struct {
			Method string `json:"method"`
			Path   string `json:"path"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Method != "" && strings.HasPrefix(entry.Path, "/session/"+id) {
			n++
		}
	}
	return n
}

// output collects what the server writes. It is safe for concurrent use.
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
