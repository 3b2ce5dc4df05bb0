//go:build e2e

package replicas_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
)

// answer is what a site says to any request.
type answer struct {
	Session string `json:"session"`
	Task    string `json:"task"`
}

// sites are the containers of all tasks: small HTTP servers, which watch that what must not happen does not.
type sites struct {
	// delay is how long a task takes until its container starts; slow is how long a site takes for an answer.
	delay, slow time.Duration

	mu       sync.Mutex
	launched map[string]int // tasks made, by session
	latest   map[string]int // number of the newest task that has served, by session
	numbers  map[string]int // number of each task
	wrong    []string       // what must not happen
	busy     map[string]int // requests under way, by task
}

func newSites(delay, slow time.Duration) *sites {
	return &sites{
		delay: delay, slow: slow, launched: make(map[string]int), latest: make(map[string]int),
		numbers: make(map[string]int), busy: make(map[string]int),
	}
}

func (s *sites) plan(l ecstest.Launch) ecstest.Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.launched[l.Tags["warmgate:session"]]++
	return ecstest.Script{Pulling: s.delay}
}

// run is the container of a task. It is stopped at once, so that a request under way breaks.
func (s *sites) run(ctx context.Context, c ecstest.Container) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(c.IP, "4321"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.numbers[c.TaskARN] = len(s.numbers) + 1
	s.mu.Unlock()
	server := &http.Server{Handler: s.handler(c), ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() {
		s.stopped(c)
		server.Close()
	})
	defer stop()
	return server.Serve(l)
}

func (s *sites) handler(c ecstest.Container) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.enter(c)
		defer s.leave(c)
		select {
		case <-time.After(s.slow):
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer{Session: c.Env["SESSION"], Task: c.TaskARN}) // the client may have left
	})
}

// enter notes a request. Once a session's newer task has served, an older one must not.
func (s *sites) enter(c ecstest.Container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[c.TaskARN]++
	if id := c.Env["SESSION"]; id != "" {
		if s.numbers[c.TaskARN] < s.latest[id] {
			s.wrong = append(s.wrong, fmt.Sprintf("%s was served by an older task after a newer one", id))
		}
		s.latest[id] = max(s.latest[id], s.numbers[c.TaskARN])
	}
}

func (s *sites) leave(c ecstest.Container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[c.TaskARN]--
}

func (s *sites) stopped(c ecstest.Container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.busy[c.TaskARN]; n > 0 {
		s.wrong = append(s.wrong, fmt.Sprintf("the task of %q was stopped under %d requests", c.Env["SESSION"], n))
	}
}

// starts returns how many tasks were made for a session.
func (s *sites) starts(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.launched[id]
}

// check reports what should not have happened.
func (s *sites) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wrong {
		t.Error(w)
	}
}
