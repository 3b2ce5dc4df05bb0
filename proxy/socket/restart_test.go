package socket

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// restart starts h on the address of a server that was closed.
func restart(t *testing.T, old *httptest.Server, h http.Handler) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", old.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	up := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	up.Start()
	t.Cleanup(up.Close)
	return up
}

// The dev server restarts in its own process: its sockets break, the session
// stays ready, the old token is refused.
func TestDevServerRestartsWhileTheSessionIsReady(t *testing.T) {
	r := newRig(t, Options{})
	conns, got := make(chan *websocket.Conn, 1), make(chan string, 1)
	old := r.serve("t1", devServer(conns, got))
	c := r.dial("vite-hmr")
	next(t, c)
	old.Close()
	receive(t, conns, "the upstream's side").Close()
	if s := receive(t, r.suspects, "the suspicion"); s.TaskID != "t1" {
		t.Errorf("suspected %q, want t1", s.TaskID)
	}
	r.awaitParked(1)
	restart(t, old, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	if m := next(t, c); m != reloadFrame {
		t.Errorf("tab got %s, want the reload", m)
	}
	if n := len(r.suspects); n != 0 {
		t.Errorf("suspected %d times more, want once", n)
	}
}

// A tab that connects while its dev server cannot be reached is parked as well.
func TestArrivalWhileTheDevServerIsAway(t *testing.T) {
	r := newRig(t, Options{})
	old := r.serve("t1", upstreamSocket(echo))
	old.Close()
	c := r.dial("vite-hmr")
	receive(t, r.suspects, "the suspicion")
	if m := next(t, c); m != string(viteConnected) {
		t.Errorf("first message = %s, want connected", m)
	}
	r.awaitParked(1)
	restart(t, old, upstreamSocket(echo))
	if m := next(t, c); m != reloadFrame {
		t.Errorf("tab got %s, want the reload", m)
	}
}

// A dev server that closes in good order is lost in the same way.
func TestDevServerClosesTheSocket(t *testing.T) {
	r := newRig(t, Options{})
	closed := make(chan struct{}, 1)
	r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
		select {
		case closed <- struct{}{}:
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), deadline())
		default:
		}
	}))
	if m := next(t, r.dial("vite-hmr")); m != reloadFrame {
		t.Errorf("tab got %s, want the reload", m)
	}
}

// A dev server that does not come back is asked for a bounded time; then the
// tab waits for the backend alone.
func TestDevServerDoesNotComeBack(t *testing.T) {
	r := newRig(t, Options{RestartWait: 300 * time.Millisecond})
	old := r.serve("t1", upstreamSocket(echo))
	old.Close()
	c := r.dial("vite-hmr")
	next(t, c)
	s := r.onlySocket()
	var done chan struct{}
	eventually(t, "the socket to be open", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		done = s.upstreamDone
		return done != nil
	})
	receive(t, done, "the questions to end")
	r.awaitParked(1)
	r.phase(session.PhaseAsleep)
	r.serve("t2", upstreamSocket(echo))
	if m := next(t, c); m != reloadFrame {
		t.Errorf("tab got %s, want the reload", m)
	}
}
