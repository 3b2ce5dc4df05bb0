package socket

import (
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// Both peers are pinged, also on a parked socket, and an answering browser is
// presence.
func TestOurPings(t *testing.T) {
	r := newRig(t, Options{PingInterval: 10 * time.Millisecond})
	pinged := make(chan struct{}, 1000)
	r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
		c.SetPingHandler(func(string) error { pinged <- struct{}{}; return nil })
		closeCode(t, c)
	}))
	for _, protocol := range []string{"", "vite-hmr"} {
		c := r.dial(protocol)
		pings := countPings(c)
		for range 2 {
			receive(t, pinged, "a ping at the upstream")
			receive(t, pings, "a ping at the client")
		}
	}
	eventually(t, "presence", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Contains(r.touched, session.Presence)
	})
	r.phase(session.PhaseAsleep)
	pings := countPings(r.dial("vite-hmr"))
	for range 2 {
		receive(t, pings, "a ping at the parked client")
	}
}

// countPings reads c and answers pings, which it reports.
func countPings(c *websocket.Conn) <-chan struct{} {
	pings := make(chan struct{}, 1000)
	answer := c.PingHandler()
	c.SetPingHandler(func(data string) error {
		pings <- struct{}{}
		return answer(data)
	})
	go readAll(c)
	return pings
}

func TestPingsOfThePeersAreAnswered(t *testing.T) {
	r := newRig(t, Options{})
	pongs := make(chan string, 2)
	expect := func(c *websocket.Conn, data string) {
		c.SetPongHandler(func(got string) error { pongs <- got; return nil })
		_ = c.WriteControl(websocket.PingMessage, []byte(data), deadline())
		closeCode(t, c)
	}
	r.serve("t1", upstreamSocket(func(c *websocket.Conn) { expect(c, "up") }))
	c := r.dial("")
	go expect(c, "down")
	for range 2 {
		receive(t, pongs, "a pong")
	}
	c.Close()
}

func TestDeadPeers(t *testing.T) {
	short := Options{PeerTimeout: 50 * time.Millisecond, PingInterval: 10 * time.Millisecond}
	deaf := func(c *websocket.Conn) { c.SetPingHandler(func(string) error { return nil }) }

	t.Run("client", func(t *testing.T) {
		r := newRig(t, short)
		r.serve("t1", upstreamSocket(echo))
		c := r.dial("")
		deaf(c)
		go closeCode(t, c)
		if out := r.outcome(); out.CloseCode != websocket.CloseAbnormalClosure {
			t.Errorf("Outcome = %+v, want 1006", out)
		}
	})
	t.Run("parked client", func(t *testing.T) {
		r := newRig(t, short)
		r.dial("vite-hmr")
		if out := r.outcome(); out.CloseCode != websocket.CloseAbnormalClosure {
			t.Errorf("Outcome = %+v, want 1006", out)
		}
	})
	t.Run("upstream", func(t *testing.T) {
		r := newRig(t, short)
		r.serve("t1", upstreamSocket(func(c *websocket.Conn) { deaf(c); closeCode(t, c) }))
		if code, _, _ := closeCode(t, r.dial("")); code != websocket.CloseAbnormalClosure {
			t.Errorf("client saw %d, want 1006", code)
		}
	})
	t.Run("a client that does not read", func(t *testing.T) {
		r := newRig(t, Options{WriteTimeout: 50 * time.Millisecond})
		r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
			for c.WriteMessage(websocket.BinaryMessage, make([]byte, 1<<20)) == nil {
			}
		}))
		r.dial("")
		if out := r.outcome(); out.CloseCode != websocket.CloseAbnormalClosure {
			t.Errorf("Outcome = %+v, want 1006", out)
		}
	})
}

// A peer that answers pings lives on, however long it says nothing else.
func TestQuietPeersLive(t *testing.T) {
	r := newRig(t, Options{PeerTimeout: time.Second, PingInterval: 10 * time.Millisecond})
	r.serve("t1", upstreamSocket(func(c *websocket.Conn) { closeCode(t, c) }))
	c := r.dial("")
	pings := countPings(c)
	for end := time.Now().Add(1200 * time.Millisecond); time.Now().Before(end); {
		receive(t, pings, "a ping")
	}
	if len(r.outcomes) > 0 {
		t.Errorf("the socket ended: %+v", r.outcome())
	}
}
