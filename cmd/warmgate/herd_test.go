package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestHerd sends 1,000 first requests at once, navigations and sub-resources
// mixed, to a session whose upstream answers only later: one start, every request
// answered, every held one forwarded exactly once.
func TestHerd(t *testing.T) {
	const visitors = 1000
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	s := start(t, staticPool(address)+`
cold: { holds_per_session: 1000, holds_per_address: 1000 }
log: { access: "off" }
routes:
  - { priority: 15, path: ["/session/*"], session: { pool: edit, allow_guessable: true } }
`)
	if _, err := s.cli("session", "activate", "--client", "demo", "--id", "demo", "--asleep"); err != nil {
		t.Fatal(err)
	}

	transport := &http.Transport{MaxConnsPerHost: visitors}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var (
		answered [visitors]time.Time
		wg       sync.WaitGroup
	)
	for i := range visitors {
		wg.Go(func() {
			status := ask(t, client, s.public, i)
			answered[i] = time.Now()
			if want := http.StatusOK; i%2 == 1 && status != want {
				t.Errorf("held request %d = %d, want %d", i, status, want)
			}
			if i%2 == 0 && status != http.StatusOK && status != http.StatusServiceUnavailable {
				t.Errorf("navigation %d = %d, want the site or the warming page", i, status)
			}
		})
	}
	eventually(t, "all sub-resources are held", func() bool { return s.metric("warmgate_held_requests ") >= visitors/2 })

	var forwarded sync.Map
	upstream := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := forwarded.LoadOrStore(r.URL.Path, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
	})}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ready := time.Now()
	go func() { _ = upstream.Serve(ln) }()
	defer upstream.Close()
	wg.Wait()

	if n := s.metric("warmgate_task_starts_total"); n != 1 {
		t.Errorf("%v starts, want 1", n)
	}
	for i := 1; i < visitors; i += 2 {
		n, ok := forwarded.Load(fmt.Sprintf("/%d.js", i))
		if !ok || n.(*atomic.Int64).Load() != 1 {
			t.Errorf("request %d was not forwarded exactly once", i)
		}
	}
	held := make([]time.Duration, 0, visitors/2)
	for i := 1; i < visitors; i += 2 {
		held = append(held, answered[i].Sub(ready))
	}
	slices.Sort(held)
	t.Logf("held requests answered %v to %v after the upstream listens", held[0], held[len(held)-1])
	s.end()
}

// ask sends the i-th request: a navigation if i is even, else a module script.
func ask(t *testing.T, client *http.Client, public string, i int) (status int) {
	path, mode, accept := fmt.Sprintf("/%d.js", i), "cors", "*/*"
	if i%2 == 0 {
		path, mode, accept = "/", "navigate", "text/html"
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, public+"/session/demo"+path, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	req.Header.Set("Sec-Fetch-Mode", mode)
	req.Header.Set("Accept", accept)
	res, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Error(err)
	}
	return res.StatusCode
}

// metric returns the sum of a metric's series, by the beginning of their lines.
func (s *server) metric(name string) (sum float64) {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.folder, ".warmgate", "token"))
	if err != nil {
		s.t.Fatal(err)
	}
	_, text := get(s.t, s.admin+"/metrics", "Authorization", "Bearer "+strings.TrimSpace(string(token)))
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, name) {
			continue
		}
		var value float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &value); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		sum += value
	}
	return sum
}
