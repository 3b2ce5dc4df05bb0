package socket

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/gorilla/websocket"
)

func TestMessagesKeepTypeAndContent(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("t1", upstreamSocket(echo))
	random := rand.NewChaCha8([32]byte{1})
	for _, protocol := range []string{"", "vite-hmr"} {
		c := r.dial(protocol)
		var total int64
		for _, size := range []int{0, 1, 125, 126, 127, 1023, 1024, 16 << 10, 16<<10 + 1, 65535, 65536, 16 << 20} {
			for _, kind := range []int{websocket.TextMessage, websocket.BinaryMessage} {
				if size > 1<<20 && (kind == websocket.TextMessage || protocol != "") {
					continue
				}
				want := make([]byte, size)
				_, _ = random.Read(want)
				written := make(chan error, 1)
				go func() { written <- c.WriteMessage(kind, want) }()
				gotKind, got, err := c.ReadMessage()
				if err != nil {
					t.Fatalf("%q, %d bytes: %v", protocol, size, err)
				}
				if gotKind != kind || !bytes.Equal(got, want) {
					t.Errorf("%q, %d bytes of type %d: got %d bytes of type %d, or other content", protocol, size, kind, len(got), gotKind)
				}
				if err := receive(t, written, "the write's end"); err != nil {
					t.Fatalf("%q, %d bytes: %v", protocol, size, err)
				}
				total += int64(size)
			}
		}
		_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), deadline())
		closeCode(t, c)
		if out := r.outcome(); out.Received != total || out.Sent != total || out.CloseCode != 1000 || out.Status != 101 {
			t.Errorf("Outcome = %+v, want 101, %d bytes each way and 1000", out, total)
		}
	}
}

// Text that is no UTF-8 passes as it is: the endpoints judge it.
func TestInvalidUTF8Passes(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("t1", upstreamSocket(echo))
	c := r.dial("")
	want := "a\xff\xc0\x80z"
	write(t, c, want)
	if got := next(t, c); got != want {
		t.Errorf("echo = %q, want %q", got, want)
	}
}

// A message in many frames, with control frames between them, arrives as one.
func TestFragments(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("t1", upstreamSocket(echo))
	c := r.dial("")
	pongs := make(chan string, 1)
	c.SetPongHandler(func(data string) error { pongs <- data; return nil })

	conn := c.NetConn()
	for _, f := range [][]byte{
		frame(0x01, "one "), frame(0x00, ""), frame(0x00, "two "),
		frame(0x89, "mid"), frame(0x00, "three "), frame(0x80, "four"),
	} {
		if _, err := conn.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if got := next(t, c); got != "one two three four" {
		t.Errorf("echo = %q, want the whole message", got)
	}
	if got := receive(t, pongs, "the pong"); got != "mid" {
		t.Errorf("pong = %q, want the ping's data", got)
	}
}

// frame is a short masked client frame; the mask is zero.
func frame(head byte, payload string) []byte {
	b := []byte{head, 0x80 | byte(len(payload))}
	b = binary.BigEndian.AppendUint32(b, 0)
	return append(b, payload...)
}

func TestMessageOverTheLimitClosesWith1009(t *testing.T) {
	r := newRig(t, Options{MaxMessage: 1000})
	got := make(chan int, 1)
	r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
		code, _, _ := closeCode(t, c)
		got <- code
	}))
	c := r.dial("")
	write(t, c, string(make([]byte, 1000)))
	write(t, c, string(make([]byte, 1001)))
	if code, _, _ := closeCode(t, c); code != websocket.CloseMessageTooBig {
		t.Errorf("client saw %d, want 1009", code)
	}
	if code := receive(t, got, "the upstream's close"); code != websocket.CloseMessageTooBig {
		t.Errorf("upstream saw %d, want 1009", code)
	}
}

func TestProtocolErrorIsToldToWhoMadeIt(t *testing.T) {
	r := newRig(t, Options{})
	got := make(chan int, 1)
	r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
		code, _, _ := closeCode(t, c)
		got <- code
	}))
	c := r.dial("")
	if _, err := c.NetConn().Write(frame(0x83, "no such opcode")); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := closeCode(t, c); code != websocket.CloseProtocolError {
		t.Errorf("client saw %d, want 1002", code)
	}
	if code := receive(t, got, "the upstream's close"); code != websocket.CloseAbnormalClosure {
		t.Errorf("upstream saw %d, want 1006", code)
	}
}
