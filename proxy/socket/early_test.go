package socket

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// rawHandshake sends a handshake and, in the same write, what comes behind it.
func (r *rig) rawHandshake(protocol string, behind []byte) (net.Conn, *bufio.Reader) {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.proxy.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	head := fmt.Sprintf("GET / HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", r.proxy.Listener.Addr(), r.proxy.URL)
	if protocol != "" {
		head += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	if _, err := conn.Write(append([]byte(head+"\r\n"), behind...)); err != nil {
		r.t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return conn, bufio.NewReader(conn)
}

// Frames in the same packet as the handshake reach the upstream, in order.
func TestFramesRightBehindTheHandshake(t *testing.T) {
	r := newRig(t, Options{})
	got := make(chan string, 10)
	r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
		for {
			_, p, err := c.ReadMessage()
			if err != nil {
				return
			}
			got <- string(p)
		}
	}))
	var behind []byte
	for i := range 8 {
		behind = append(behind, frame(0x81, fmt.Sprintf("early %d", i))...)
	}
	conn, br := r.rawHandshake("", behind[:len(behind)-3])
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", resp, err)
	}
	if _, err := conn.Write(behind[len(behind)-3:]); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if got, want := receive(t, got, "an early frame"), fmt.Sprintf("early %d", i); got != want {
			t.Errorf("message %d = %q, want %q", i, got, want)
		}
	}
}

// What stands behind a refused handshake is not taken for a request.
func TestBytesBehindARefusedHandshake(t *testing.T) {
	r := newRig(t, Options{})
	r.phase(session.PhaseAsleep)
	_, br := r.rawHandshake("", []byte("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"))
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !resp.Close {
		t.Fatalf("first answer: %+v, %v, want 503 that closes", resp, err)
	}
	resp.Body.Close()
	if resp, err := http.ReadResponse(br, nil); err == nil {
		t.Errorf("second answer: %d, want none", resp.StatusCode)
	}
}

// What the upstream sends in the same packet as its 101 reaches the client.
func TestFramesRightBehindTheUpstreamsAnswer(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("t1", upstreamSocket(func(c *websocket.Conn) {
		_, _, _ = c.ReadMessage()
	}))
	up := rawUpstream(t, func(conn net.Conn, key string) {
		_, _ = conn.Write(append([]byte(accept(key, "")), 0x81, 2, 'h', 'i'))
		_, _ = conn.Read(make([]byte, 1))
	})
	r.live.SetBackend(session.Backend{Phase: session.PhaseReady, Target: session.Target{TaskID: "t2", Addr: up}})
	if got := next(t, r.dial("")); got != "hi" {
		t.Errorf("first message = %q, want hi", got)
	}
}
