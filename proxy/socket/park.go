package socket

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// follow does what the backend's state asks for, and reports whether the tab
// will be told to reload, after the delay.
func (s *socket) follow(b *session.Backend, delay time.Duration) (reloads bool) {
	s.mu.Lock()
	st, task := s.state, s.task
	s.mu.Unlock()
	ready := b.Phase == session.PhaseReady
	switch {
	case st != piped && st != parked, ready && b.Target.TaskID == task:
		return false
	case s.kind == HMR:
		s.park()
		s.forgetTask()
		return (ready || b.Phase == session.PhaseEnded) && s.reload(delay)
	case ready:
		s.closeWith(websocket.CloseServiceRestart, "the session was started anew")
	case b.Phase == session.PhaseEnded:
		s.closeWith(websocket.CloseGoingAway, "the session is over")
	default:
		s.closeWith(websocket.CloseGoingAway, "the session is asleep")
	}
	return false
}

// park gives up the upstream leg and keeps the client's. It reports whether that
// was done now; a socket that finds no room is closed instead.
func (s *socket) park() (done bool) {
	s.mu.Lock()
	full := false
	if s.state == piped {
		if full = !s.countParked(); !full {
			s.up.Close()
			s.state, s.up, done = parked, nil, true
		}
	}
	s.mu.Unlock()
	if full {
		s.closeWith(websocket.CloseTryAgainLater, "too many sockets are parked")
	}
	return done
}

// forgetTask makes any ready target a reason to reload.
func (s *socket) forgetTask() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.task = ""
}

// reload has the tab of a parked socket told to reload, after the delay. It
// reports whether that was decided now.
func (s *socket) reload(delay time.Duration) bool {
	if !s.move(parked, reloading) {
		return false
	}
	time.AfterFunc(delay, s.tellReload)
	return true
}

// tellReload sends the one frame that makes a Vite client reload its page, and
// closes the socket if the tab does not go away by itself. A session that fell
// asleep again meanwhile is left alone: the reload would wake it.
func (s *socket) tellReload() {
	if s.ctx.Err() != nil {
		return
	}
	if s.live != nil {
		if b, _ := s.live.Backend(); b.Phase != session.PhaseReady && b.Phase != session.PhaseEnded {
			s.move(reloading, parked)
			s.group.poke()
			return
		}
	}
	s.hub.metrics.reloads.Inc()
	s.send(viteFullReload)
	time.AfterFunc(s.hub.options.ReloadGrace, func() { s.closeWith(websocket.CloseNormalClosure, "") })
}

// move goes from one state to the other and reports whether it was in the first.
func (s *socket) move(from, to state) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != from {
		return false
	}
	s.state = to
	return true
}

// lost parks an HMR socket whose upstream leg broke, and looks after it as long
// as its session is ready all the same. A client that has half of a message would
// take the next one for the rest: its leg is cut, and the tab asks by itself.
func (s *socket) lost(truncated bool) {
	s.mu.Lock()
	task := s.task
	s.mu.Unlock()
	now := s.park()
	if truncated {
		s.client.Close()
	}
	if target, ok := s.served(task); now && ok {
		s.hub.metrics.lost.Inc()
		s.hub.options.Suspect(s.live, target)
		s.awaitRestart(task)
	}
}

// served returns the session's target if it is ready on the given task.
func (s *socket) served(task string) (t session.Target, ok bool) {
	b, _ := s.live.Backend()
	return b.Target, b.Phase == session.PhaseReady && b.Target.TaskID == task
}

// The waits between two questions to a dev server that went away.
const (
	firstWait = 250 * time.Millisecond
	maxWait   = 5 * time.Second
)

// awaitRestart has the tab reload when the dev server answers again: Vite
// restarts in its own process when its configuration changes, and the session
// stays ready. It gives up after a time; then, as from the moment when the
// backend is not ready, the group's watcher alone decides.
func (s *socket) awaitRestart(task string) {
	wait := firstWait
	for end := time.Now().Add(s.hub.options.RestartWait); time.Now().Before(end); wait = min(2*wait, maxWait) {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(wait/2 + rand.N(wait)):
		}
		if _, ok := s.served(task); !ok {
			return
		}
		if !s.answers() {
			continue
		}
		if _, ok := s.served(task); ok {
			s.reload(0)
		}
		return
	}
}

// answers reports whether the dev server takes HMR sockets. A refusal of the old
// token is as good as a socket.
func (s *socket) answers() bool {
	header := http.Header{"Host": {s.host}, "Sec-Websocket-Protocol": {hmrProtocol}}
	up, _, err := s.hub.dial(s.ctx, s.url, header)
	if err == nil {
		up.Close()
		return true
	}
	if e, ok := asAnswered(err); ok {
		e.close()
		return e.response.StatusCode < http.StatusInternalServerError
	}
	return false
}
