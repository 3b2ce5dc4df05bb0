package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// bodyIdle has a client's pauses bounded.
func bodyIdle(o *Options) { o.BodyIdleTimeout = time.Minute }

// connect opens a connection to the handler, in memory.
func (b *bed) connect() (net.Conn, *bufio.Reader) {
	b.t.Helper()
	conn, err := b.network.dial(b.t.Context(), "tcp", "warmgate:80")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn, bufio.NewReader(conn)
}

// TestStalledBody: a client that stops sending gets 408 after a minute and loses
// its connection; the target is not suspected.
func TestStalledBody(t *testing.T) {
	for name, begin := range map[string]string{
		"length": "Content-Length: 10\r\n\r\nhello",
		"chunks": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"none":   "Content-Length: 10\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, echo, bodyIdle)
				b.ready()
				c, r := b.connect()
				began := time.Now()
				send(t, c, "POST /session/demo/x HTTP/1.1\r\nHost: w\r\n"+begin)
				res, body, err := answerTo(t, r, "POST")
				if res.StatusCode != http.StatusRequestTimeout || err != nil {
					t.Errorf("answer = %d %s %v, want 408", res.StatusCode, body, err)
				}
				if after := time.Since(began); after != time.Minute {
					t.Errorf("answered after %v, want a minute", after)
				}
				if n := b.backends.suspected.Load(); n != 0 {
					t.Errorf("the target was suspected %d times", n)
				}
				if _, err := r.ReadByte(); err == nil {
					t.Error("the connection is used again")
				}
			})
		})
	}
}

// TestSlowBody: a body may take long in all, and so may the answer to it; the
// connection serves the next.
func TestSlowBody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Minute)
			_, _ = w.Write(text)
		}), bodyIdle)
		b.ready()
		c, r := b.connect()
		for range 2 {
			send(t, c, "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nContent-Length: 10\r\n\r\n")
			for range 10 {
				time.Sleep(50 * time.Second)
				send(t, c, "x")
			}
			if res, body, err := answerTo(t, r, "POST"); res.StatusCode != http.StatusOK || body != "xxxxxxxxxx" || err != nil {
				t.Errorf("answer = %d %q %v, want what was sent", res.StatusCode, body, err)
			}
		}
	})
}
