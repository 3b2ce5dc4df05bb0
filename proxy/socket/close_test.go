package socket

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func deadline() time.Time { return time.Now().Add(patience) }

type goodbye struct {
	code int
	text string
}

var closings = []goodbye{
	{1000, ""},
	{1000, "done"},
	{1001, "leaving"},
	{1003, ""},
	{1005, ""},
	{1007, ""},
	{1008, "policy"},
	{1011, "broken"},
	{1012, ""},
	{1013, "later"},
	{3000, "registered"},
	{4000, ""},
	{4999, "private"},
}

func TestCloseFromClient(t *testing.T) {
	for _, want := range closings {
		r := newRig(t, Options{})
		got := make(chan goodbye, 1)
		r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
			code, text, _ := closeCode(t, c)
			got <- goodbye{code, text}
		}))
		c := r.dial("")
		_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(want.code, want.text), deadline())
		if got := receive(t, got, "the upstream's close"); got != want {
			t.Errorf("client closed with %v: upstream saw %v", want, got)
		}
		if code, _, _ := closeCode(t, c); code != want.code {
			t.Errorf("client closed with %v: the answer was %d", want, code)
		}
		if out := r.outcome(); out.CloseCode != want.code {
			t.Errorf("Outcome.CloseCode = %d, want %d", out.CloseCode, want.code)
		}
	}
}

func TestCloseFromUpstream(t *testing.T) {
	for _, want := range closings {
		r := newRig(t, Options{})
		answer := make(chan int, 1)
		r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(want.code, want.text), deadline())
			code, _, _ := closeCode(t, c)
			answer <- code
		}))
		c := r.dial("")
		if code, text, _ := closeCode(t, c); (goodbye{code, text}) != want {
			t.Errorf("upstream closed with %v: client saw %d %q", want, code, text)
		}
		if code := receive(t, answer, "the client's answer"); code != want.code {
			t.Errorf("upstream closed with %v: the answer was %d", want, code)
		}
		if out := r.outcome(); out.CloseCode != want.code {
			t.Errorf("Outcome.CloseCode = %d, want %d", out.CloseCode, want.code)
		}
	}
}

func TestBrokenLegBreaksTheOther(t *testing.T) {
	t.Run("client", func(t *testing.T) {
		r := newRig(t, Options{})
		got := make(chan int, 1)
		r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
			code, _, _ := closeCode(t, c)
			got <- code
		}))
		r.dial("").Close()
		if code := receive(t, got, "the upstream's end"); code != websocket.CloseAbnormalClosure {
			t.Errorf("upstream saw %d, want 1006", code)
		}
		if out := r.outcome(); out.CloseCode != websocket.CloseAbnormalClosure {
			t.Errorf("Outcome.CloseCode = %d, want 1006", out.CloseCode)
		}
	})
	t.Run("upstream", func(t *testing.T) {
		r := newRig(t, Options{})
		r.serve("t1", upstreamSocket(func(*websocket.Conn) {}))
		c := r.dial("")
		if code, _, _ := closeCode(t, c); code != websocket.CloseAbnormalClosure {
			t.Errorf("client saw %d, want 1006", code)
		}
		if out := r.outcome(); out.CloseCode != websocket.CloseAbnormalClosure {
			t.Errorf("Outcome.CloseCode = %d, want 1006", out.CloseCode)
		}
	})
	t.Run("upstream in the middle of a message", func(t *testing.T) {
		for _, protocol := range []string{"", "vite-hmr"} {
			r := newRig(t, Options{})
			r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
				_, _ = c.NetConn().Write([]byte{0x01, 4, 'h', 'a', 'l', 'f'})
			}))
			c := r.dial(protocol)
			if code, _, before := closeCode(t, c); code != websocket.CloseAbnormalClosure || len(before) > 0 {
				t.Errorf("%q: client saw %d after %q, want 1006 and no message", protocol, code, before)
			}
			if protocol == "vite-hmr" {
				receive(t, r.suspects, "the suspicion")
			}
		}
	})
}

// After a close frame from one side, what the other side still sends arrives
// (RFC 6455 5.5.1).
func TestDataBehindTheCloseFrameOfTheOtherSide(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
		c.SetCloseHandler(func(code int, _ string) error {
			_ = c.WriteMessage(websocket.TextMessage, []byte("last words"))
			return c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), deadline())
		})
		closeCode(t, c)
	}))
	c := r.dial("")
	_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye"), deadline())
	code, _, before := closeCode(t, c)
	if code != 4001 || len(before) != 1 || before[0] != "last words" {
		t.Errorf("client saw %q and %d, want the last words and 4001", before, code)
	}
}

// A peer that never answers a close frame does not keep the socket.
func TestUnansweredClose(t *testing.T) {
	r := newRig(t, Options{CloseTimeout: 50 * time.Millisecond})
	release := make(chan struct{})
	r.serve("t1", upstreamSocket(func(*websocket.Conn) { <-release }))
	defer close(release)
	c := r.dial("")
	_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), deadline())
	if out := r.outcome(); out.CloseCode != 1000 {
		t.Errorf("Outcome.CloseCode = %d, want 1000", out.CloseCode)
	}
}
