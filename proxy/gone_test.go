package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestHeldClientGone: a client that hangs up while its request is held frees its
// place, also one whose body nobody has read.
func TestHeldClientGone(t *testing.T) {
	for name, request := range map[string]string{
		"GET":          "GET /session/demo/x HTTP/1.1\r\nHost: w\r\n\r\n",
		"POST":         "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\n\r\nhello",
		"half a POST":  "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nContent-Length: 500000\r\n\r\nhello",
		"chunked POST": "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b, addr := serveOnSocket(t, nil)
			live := b.warming()
			c, _ := dialRaw(t, addr)
			send(t, c, request)
			eventually(t, "the request is held", func() bool { return live.Waiters().Value() == 1 })
			_ = c.Close()
			eventually(t, "its place is free", func() bool { return live.Waiters().Value() == 0 })
		})
	}
}

// TestReceivingClientGone: a client that hangs up within the answer is no longer
// a request under way, and its upstream connection is given up.
func TestReceivingClientGone(t *testing.T) {
	b, addr := serveOnSocket(t, nil)
	givenUp := make(chan struct{})
	live := b.scripted(func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
		_, _ = io.Copy(c, zeros{})
		close(givenUp)
	})
	c, r := dialRaw(t, addr)
	send(t, c, "GET /session/demo/x HTTP/1.1\r\nHost: w\r\n\r\n")
	if _, err := r.ReadByte(); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	<-givenUp
	eventually(t, "no request is under way", func() bool { return live.Requests().Value() == 0 })
}

// zeros is a source without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestSendingClientGone: a client that hangs up within its upload is not the
// site's fault.
func TestSendingClientGone(t *testing.T) {
	b, addr := serveOnSocket(t, nil)
	cut := make(chan error, 1)
	live := b.scripted(func(_ int, _ net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err == nil {
			_, err = io.Copy(io.Discard, req.Body)
		}
		cut <- err
	})
	c, _ := dialRaw(t, addr)
	send(t, c, "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nContent-Length: 500000\r\n\r\nhello")
	eventually(t, "the request is under way", func() bool { return live.Requests().Value() == 1 })
	_ = c.Close()
	if err := <-cut; err == nil {
		t.Error("the site got a whole request")
	}
	eventually(t, "no request is under way", func() bool { return live.Requests().Value() == 0 })
	b.expectLine(`"status":499`)
	if n := b.backends.suspected.Load(); n != 0 {
		t.Errorf("the target was suspected %d times", n)
	}
}

// TestMalformedBody: a body whose framing breaks is the client's fault: 400, and
// the target is not suspected.
func TestMalformedBody(t *testing.T) {
	for name, chunks := range map[string]string{
		"no size":           "5\r\nhello\r\nzz\r\n",
		"no end of a chunk": "5\r\nhelloworld\r\n0\r\n\r\n",
		"size too large":    "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b, addr := serveOnSocket(t, nil)
			b.served(echo)
			c, r := dialRaw(t, addr)
			send(t, c, "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks)
			res, body, err := answerTo(t, r, "POST")
			if res.StatusCode != http.StatusBadRequest || err != nil {
				t.Errorf("answer = %d %s %v, want 400", res.StatusCode, body, err)
			}
			if n := b.backends.suspected.Load(); n != 0 {
				t.Errorf("the target was suspected %d times", n)
			}
			if _, err := r.ReadByte(); err == nil {
				t.Error("the connection is used again")
			}
		})
	}
}
