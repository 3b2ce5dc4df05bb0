package socket

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// rawUpstream reads one handshake and hands the connection to f; it closes it
// afterwards. It returns its address.
func rawUpstream(t *testing.T, f func(conn net.Conn, key string)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				f(conn, req.Header.Get("Sec-Websocket-Key"))
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// accept is the answer to a handshake with the key; more is header lines.
func accept(key, more string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + more + "\r\n"
}

func (r *rig) readyAt(addr string) {
	r.live.SetBackend(session.Backend{Phase: session.PhaseReady, Target: session.Target{TaskID: "raw", Addr: addr}})
}

func TestHandshakeReachesTheUpstreamAsGiven(t *testing.T) {
	r := newRig(t, Options{})
	var got *http.Request
	r.serve("t1", func(w http.ResponseWriter, req *http.Request) {
		got = req
		upstreamSocket(func(*websocket.Conn) {})(w, req)
	})
	c, resp, err := r.handshake("vite-hmr", "Cookie: a=b", "X-Forwarded-For: 192.0.2.1",
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
	if err == nil {
		t.Fatalf("gorilla let the test set extensions: %v", resp)
	}
	conn, br := r.rawHandshake("vite-hmr\r\nCookie: a=b\r\nX-Forwarded-For: 192.0.2.1\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", nil)
	defer conn.Close()
	answer, err := http.ReadResponse(br, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v, %v", c, answer, err)
	}
	if ext := answer.Header.Values("Sec-WebSocket-Extensions"); len(ext) > 0 {
		t.Errorf("extensions %q were negotiated with the client", ext)
	}
	if p := answer.Header.Get("Sec-WebSocket-Protocol"); p != "vite-hmr" {
		t.Errorf("subprotocol = %q, want vite-hmr", p)
	}
	if got.RequestURI != "/?token=T" || got.Host != r.proxy.Listener.Addr().String() {
		t.Errorf("upstream saw %s at %s", got.RequestURI, got.Host)
	}
	for name, want := range map[string]string{
		"Origin": r.proxy.URL, "Cookie": "a=b", "X-Forwarded-For": "192.0.2.1",
		"Sec-Websocket-Protocol": "vite-hmr", "Sec-Websocket-Extensions": "",
	} {
		if v := strings.Join(got.Header.Values(name), "|"); v != want {
			t.Errorf("upstream saw %s: %q, want %q", name, v, want)
		}
	}
}

func TestUpstreamsAnswerHeaderPasses(t *testing.T) {
	r := newRig(t, Options{})
	r.request.Header = func(h http.Header) { h.Set("Set-Cookie", h.Get("Set-Cookie")+"; Path=/session/s1/") }
	r.readyAt(rawUpstream(t, func(conn net.Conn, key string) {
		_, _ = io.WriteString(conn, accept(key, "Set-Cookie: a=b\r\nX-Site: yes\r\nSec-WebSocket-Protocol: chosen\r\n"))
		_, _ = conn.Read(make([]byte, 1))
	}))
	c, resp, err := r.handshake("offered, chosen")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Subprotocol() != "chosen" || resp.Header.Get("X-Site") != "yes" || resp.Header.Get("Set-Cookie") != "a=b; Path=/session/s1/" {
		t.Errorf("answer = %v, want the upstream's, rewritten", resp.Header)
	}
	if n := len(resp.Header.Values("Sec-Websocket-Accept")); n != 1 {
		t.Errorf("%d Sec-WebSocket-Accept fields, want ours alone", n)
	}
}

func TestRefusalOfTheUpstreamPasses(t *testing.T) {
	body := strings.Repeat("why not\n", 4000)
	for _, protocol := range []string{"", "vite-hmr"} {
		for _, chunked := range []bool{false, true} {
			r := newRig(t, Options{})
			r.serve("t1", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Reason", "token")
				w.WriteHeader(http.StatusBadRequest)
				if chunked {
					_ = http.NewResponseController(w).Flush()
				}
				_, _ = io.WriteString(w, body)
			})
			conn, br := r.rawHandshake(protocol, nil)
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			conn.Close()
			if err != nil || resp.StatusCode != http.StatusBadRequest || string(got) != body || resp.Header.Get("X-Reason") != "token" {
				t.Errorf("%q, chunked %t: %d with %d bytes and %v (%v), want the upstream's 400 with %d bytes",
					protocol, chunked, resp.StatusCode, len(got), resp.Header, err, len(body))
			}
			if out := r.outcome(); out.Status != http.StatusBadRequest {
				t.Errorf("Outcome = %+v, want 400", out)
			}
		}
	}
}

func TestUpstreamThatGivesNoSocket(t *testing.T) {
	silent := func(conn net.Conn, _ string) { _, _ = conn.Read(make([]byte, 1)) }
	say := func(answer func(key string) string) func(net.Conn, string) {
		return func(conn net.Conn, key string) { _, _ = io.WriteString(conn, answer(key)) }
	}
	for _, c := range []struct {
		name    string
		f       func(net.Conn, string)
		want    int
		suspect bool
	}{
		{"silent", silent, 504, false},
		{"wrong accept", say(func(string) string { return accept("other", "") }), 502, false},
		{"extension not offered", say(func(k string) string { return accept(k, "Sec-WebSocket-Extensions: x-own\r\n") }), 502, false},
		{"deflate not offered", say(func(k string) string { return accept(k, "Sec-WebSocket-Extensions: permessage-deflate\r\n") }), 502, false},
		{"only early hints", say(func(string) string { return "HTTP/1.1 103 Early Hints\r\n\r\n" }), 502, false},
		{"closes", say(func(string) string { return "" }), 502, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Options{HandshakeTimeout: 100 * time.Millisecond})
			r.readyAt(rawUpstream(t, c.f))
			if resp := r.refused(""); resp.StatusCode != c.want {
				t.Errorf("status = %d, want %d", resp.StatusCode, c.want)
			}
			if got := len(r.suspects) == 1; got != c.suspect {
				t.Errorf("suspected %t, want %t", got, c.suspect)
			}
		})
	}
}

func TestUnreachableUpstream(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("t1", upstreamSocket(echo)).Close()
	if resp := r.refused(""); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("status = %d, want 502", resp.StatusCode)
	}
	if got := receive(t, r.suspects, "the suspicion"); got.TaskID != "t1" {
		t.Errorf("suspected %q, want t1", got.TaskID)
	}
	r.upstreamErr = errors.New("the task has no such port")
	if resp := r.refused("vite-hmr"); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("status = %d, want 502", resp.StatusCode)
	}
}

// A client that leaves while the upstream is silent frees its place at once.
func TestClientLeavesDuringTheHandshake(t *testing.T) {
	r := newRig(t, Options{HandshakeTimeout: time.Hour})
	arrived := make(chan struct{})
	r.readyAt(rawUpstream(t, func(conn net.Conn, _ string) {
		close(arrived)
		_, _ = conn.Read(make([]byte, 1))
	}))
	conn, _ := r.rawHandshake("", nil)
	<-arrived
	conn.Close()
	if out := r.outcome(); out.Status != statusClientGone {
		t.Errorf("Outcome = %+v, want 499", out)
	}
}
