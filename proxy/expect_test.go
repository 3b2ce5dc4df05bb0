package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/webordinary/warmgate/session"
)

const rawExpect = "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"

// TestExpectContinue: the client is told to go on only when the upstream is up,
// and the body arrives.
func TestExpectContinue(t *testing.T) {
	b, addr := serveOnSocket(t, nil)
	live := b.served(echo)
	ready, _ := live.Backend()
	live.SetBackend(session.Backend{Phase: session.PhaseStarting})

	c, r := dialRaw(t, addr)
	send(t, c, rawExpect)
	eventually(t, "the request is held", func() bool { return live.Waiters().Value() == 1 })
	if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if first, err := r.Peek(1); err == nil {
		t.Fatalf("the client got %q while its request was held", first)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	live.SetBackend(*ready)
	if res, _, _ := answerTo(t, r, "POST"); res.StatusCode != http.StatusContinue {
		t.Fatalf("first answer = %d, want 100", res.StatusCode)
	}
	send(t, c, "hello")
	if res, body, _ := answerTo(t, r, "POST"); res.StatusCode != 200 || body != "POST /x hello" {
		t.Errorf("answer = %d %q", res.StatusCode, body)
	}
	send(t, c, rawGet)
	if res, body, _ := answerTo(t, r, "GET"); res.StatusCode != 200 || body != "GET /x " {
		t.Errorf("next answer = %d %q", res.StatusCode, body)
	}
}

// TestExpectRefused: who is refused is told at once, without 100, and what it may
// send all the same is not taken for a request.
func TestExpectRefused(t *testing.T) {
	for name, prepare := range map[string]func(b *bed){
		"by us": func(b *bed) {
			b.warming()
			b.handler.Configure(Settings{Holds: HoldOptions{Total: -1}})
		},
		"by the site": func(b *bed) {
			b.scripted(func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := http.ReadRequest(r); err == nil {
					_, _ = io.WriteString(c, "HTTP/1.1 503 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, addr := serveOnSocket(t, nil)
			prepare(b)
			c, r := dialRaw(t, addr)
			send(t, c, rawExpect)
			if res, _, _ := answerTo(t, r, "POST"); res.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("answer = %d, want 503", res.StatusCode)
			}
			_, _ = io.WriteString(c, "hello"+rawGet)
			if rest, _ := io.ReadAll(r); strings.Contains(string(rest), "HTTP/1.1 400") {
				t.Errorf("the body was taken for a request: %q", rest)
			}
		})
	}
}
