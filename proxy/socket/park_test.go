package socket

import (
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

const reloadFrame = `{"type":"full-reload","path":"*"}`

// parkedRig has one HMR socket that was parked because its session fell asleep.
func parkedRig(t *testing.T, o Options) (*rig, *websocket.Conn) {
	t.Helper()
	r := newRig(t, o)
	conns, got := make(chan *websocket.Conn, 10), make(chan string, 10)
	r.serve("t1", devServer(conns, got))
	c := r.dial("vite-hmr")
	receive(t, conns, "the upstream's side")
	next(t, c)
	if n := r.live.Sockets().Value(); n != 1 {
		t.Errorf("Sockets() = %d while piped, want 1", n)
	}
	r.phase(session.PhaseAsleep)
	r.awaitParked(1)
	return r, c
}

func (r *rig) awaitParked(n int) {
	r.t.Helper()
	eventually(r.t, "the socket to be parked", func() bool {
		return r.live.Parked().Value() == n && r.live.Sockets().Value() == 0
	})
}

// A tab through sleep and wake: quiet, then one reload, then closed if it does
// not go by itself.
func TestParkedTabReloadsOnceWhenSomebodyElseWakesTheSession(t *testing.T) {
	r, c := parkedRig(t, Options{ReloadGrace: 50 * time.Millisecond})
	before := len(r.activity())
	for range 3 {
		write(t, c, `{"type":"ping"}`)
	}
	for _, p := range []session.Phase{session.PhaseAsked, session.PhaseStarting, session.PhaseChecking} {
		r.phase(p)
	}
	up := r.serve("t2", upstreamSocket(echo))
	for range 3 {
		r.ready("t2", up)
	}
	code, _, messages := closeCode(t, c)
	if want := []string{reloadFrame}; !slices.Equal(messages, want) || code != websocket.CloseNormalClosure {
		t.Errorf("tab got %q and %d, want one reload and 1000", messages, code)
	}
	if got := len(r.activity()); got != before {
		t.Errorf("activity grew by %d while parked, want 0", got-before)
	}
	r.outcome()
	r.awaitParked(0)
}

// The session fell asleep and the very task that served it resumes.
func TestParkedTabReloadsWhenItsTaskResumes(t *testing.T) {
	r, c := parkedRig(t, Options{})
	up := r.serve("t1", upstreamSocket(echo))
	r.ready("t1", up)
	if got := next(t, c); got != reloadFrame {
		t.Errorf("tab got %s, want the reload", got)
	}
}

// A tab that connects while the session sleeps, starts or has failed.
func TestArrivalAtASleepingSession(t *testing.T) {
	for _, p := range []session.Phase{session.PhaseAsleep, session.PhasePulling, session.PhaseFailed} {
		r := newRig(t, Options{})
		r.phase(p)
		c := r.dial("vite-hmr")
		if got := next(t, c); got != string(viteConnected) {
			t.Errorf("%s: first message = %s, want connected", p, got)
		}
		r.awaitParked(1)
		r.serve("t1", upstreamSocket(echo))
		if got := next(t, c); got != reloadFrame {
			t.Errorf("%s: message when ready = %s, want the reload", p, got)
		}
		c.Close()
		if out := r.outcome(); out.Kind != HMR || out.Status != 101 {
			t.Errorf("Outcome = %+v, want an HMR socket", out)
		}
	}
}

func TestFramesRightBehindTheHandshakeOfAParkedTab(t *testing.T) {
	r := newRig(t, Options{})
	conn, br := r.rawHandshake("vite-hmr", frame(0x81, `{"type":"ping"}`))
	defer conn.Close()
	if line, err := br.ReadString('\n'); err != nil || line != "HTTP/1.1 101 Switching Protocols\r\n" {
		t.Fatalf("answer = %q, %v, want 101", line, err)
	}
	r.awaitParked(1)
	if len(r.outcomes) > 0 {
		t.Errorf("the socket ended: %+v", r.outcome())
	}
}

// A new task under a live socket is a reload too, without a sleep between.
func TestReplacedTargetReloadsTheTab(t *testing.T) {
	r := newRig(t, Options{})
	conns, got := make(chan *websocket.Conn, 2), make(chan string, 1)
	r.serve("t1", devServer(conns, got))
	c, other := r.dial("vite-hmr"), r.dial("")
	next(t, c)
	r.serve("t2", upstreamSocket(echo))
	if got := next(t, c); got != reloadFrame {
		t.Errorf("tab got %s, want the reload", got)
	}
	if code, _, _ := closeCode(t, other); code != websocket.CloseServiceRestart {
		t.Errorf("other socket closed with %d, want 1012", code)
	}
}

// Snapshots that change nothing about the target do not disturb a live socket.
func TestSameTargetAgain(t *testing.T) {
	r := newRig(t, Options{})
	up := r.serve("t1", upstreamSocket(echo))
	c, other := r.dial("vite-hmr"), r.dial("")
	for range 5 {
		r.ready("t1", up)
	}
	for _, c := range []*websocket.Conn{c, other} {
		write(t, c, "still there?")
		if got := next(t, c); got != "still there?" {
			t.Errorf("echo = %s", got)
		}
	}
}

func TestOtherSocketsWhenTheSessionIsNotReadyAnyMore(t *testing.T) {
	for p, want := range map[session.Phase]int{
		session.PhaseAsleep: websocket.CloseGoingAway,
		session.PhaseFailed: websocket.CloseGoingAway,
		session.PhaseEnded:  websocket.CloseGoingAway,
	} {
		r := newRig(t, Options{})
		got := make(chan int, 1)
		r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
			code, _, _ := closeCode(t, c)
			got <- code
		}))
		c := r.dial("")
		r.phase(p)
		if code, text, _ := closeCode(t, c); code != want || text == "" {
			t.Errorf("%s: client saw %d %q, want %d and a reason", p, code, text, want)
		}
		if code := receive(t, got, "the upstream's close"); code != websocket.CloseGoingAway {
			t.Errorf("%s: upstream saw %d, want 1001", p, code)
		}
		r.outcome()
	}
}

// An ended session: one reload, to the page that says so; live and parked alike.
func TestEndedSession(t *testing.T) {
	grace := Options{ReloadGrace: 20 * time.Millisecond}
	check := func(t *testing.T, c *websocket.Conn, want ...string) {
		t.Helper()
		if code, _, got := closeCode(t, c); code != websocket.CloseNormalClosure || !slices.Equal(got, want) {
			t.Errorf("tab got %q and %d, want %q and 1000", got, code, want)
		}
	}
	t.Run("parked", func(t *testing.T) {
		r, c := parkedRig(t, grace)
		r.phase(session.PhaseEnded)
		check(t, c, reloadFrame)
	})
	t.Run("live", func(t *testing.T) {
		r := newRig(t, grace)
		closed := make(chan struct{})
		r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
			closeCode(t, c)
			close(closed)
		}))
		c := r.dial("vite-hmr")
		r.phase(session.PhaseEnded)
		receive(t, closed, "the upstream's end")
		check(t, c, reloadFrame)
	})
	t.Run("arriving", func(t *testing.T) {
		r := newRig(t, grace)
		r.phase(session.PhaseEnded)
		check(t, r.dial("vite-hmr"), string(viteConnected), reloadFrame)
	})
	t.Run("arriving, no record here", func(t *testing.T) {
		r := newRig(t, grace)
		r.request.Live, r.request.Over = nil, true
		check(t, r.dial("vite-hmr"), string(viteConnected), reloadFrame)
		if out := r.outcome(); out.Status != 101 || out.Kind != HMR {
			t.Errorf("Outcome = %+v, want an HMR socket", out)
		}
	})
}

// Tabs of one session do not all reload in the same instant: while the first is
// told, the others have to wait.
func TestReloadsAreStaggered(t *testing.T) {
	r := newRig(t, Options{ReloadStagger: time.Hour})
	const n = 5
	told := make(chan string, n)
	for range n {
		c := r.dial("vite-hmr")
		next(t, c)
		go func() {
			if _, p, err := c.ReadMessage(); err == nil {
				told <- string(p)
			}
		}()
	}
	r.awaitParked(n)
	r.serve("t1", upstreamSocket(echo))
	if m := receive(t, told, "the first reload"); m != reloadFrame {
		t.Errorf("tab got %s, want the reload", m)
	}
	if more := len(told); more > 0 {
		t.Errorf("%d tabs more were told at once, want none", more)
	}
}

// A session that falls asleep again before a tab was told is not woken by it.
func TestReloadIsTakenBackWhenTheSessionSleepsAgain(t *testing.T) {
	r, c := parkedRig(t, Options{})
	s := r.onlySocket()
	if !s.move(parked, reloading) {
		t.Fatal("the socket is not parked")
	}
	s.tellReload()
	if !s.move(parked, parked) {
		t.Error("the socket is not parked again")
	}
	r.serve("t2", upstreamSocket(echo))
	if m := next(t, c); m != reloadFrame {
		t.Errorf("tab got %s, want the reload", m)
	}
	if got := samples(t, r.registry); !slices.Contains(got, "socket_reloads_total{} 1") {
		t.Errorf("metrics = %q, want one reload", got)
	}
}
