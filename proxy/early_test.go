package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestEarlyAnswer: a site that answers before it has read the body is heard,
// although the client sends no more until it has the answer.
func TestEarlyAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"length":      "Content-Length: 5000\r\n\r\nhello",
		"long length": "Content-Length: 5000000\r\n\r\nhello",
		"chunked":     "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		for kind, answer := range map[string]string{
			"closes":  "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig",
			"goes on": "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig",
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				b, addr := serveOnSocket(t, nil)
				live := b.scripted(func(_ int, c net.Conn, r *bufio.Reader) {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, answer)
					if kind == "goes on" {
						_, _ = io.Copy(io.Discard, r)
					}
				})
				c, r := dialRaw(t, addr)
				send(t, c, "POST /session/demo/x HTTP/1.1\r\nHost: w\r\n"+body)
				res, text, err := answerTo(t, r, "POST")
				if res.StatusCode != http.StatusRequestEntityTooLarge || text != "big" || err != nil {
					t.Errorf("answer = %d %q %v, want 413", res.StatusCode, text, err)
				}
				eventually(t, "no request is under way", func() bool { return live.Requests().Value() == 0 })
			})
		}
	}
}

// TestUnreadBodyIsNoRequest: what is left of a body that nobody wanted is never
// taken for the next request.
func TestUnreadBodyIsNoRequest(t *testing.T) {
	for _, size := range []int{1000, 400_000} {
		b, addr := serveOnSocket(t, nil)
		b.scripted(func(_ int, c net.Conn, r *bufio.Reader) {
			for {
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				if req.Method == http.MethodPost {
					_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
					_ = c.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, r)
					return
				}
				_, _ = io.WriteString(c, rawOK)
			}
		})
		c, r := dialRaw(t, addr)
		smuggled := strings.Repeat("GET /session/demo/smuggled HTTP/1.1\r\nHost: w\r\n\r\n", size/50)
		go func() {
			_, _ = io.WriteString(c, "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nContent-Length: "+strconv.Itoa(len(smuggled))+"\r\n\r\n"+smuggled)
		}()
		if res, _, _ := answerTo(t, r, "POST"); res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("answer = %d, want 413", res.StatusCode)
		}
		_ = c.(*net.TCPConn).CloseWrite()
		if rest, _ := io.ReadAll(r); len(rest) != 0 {
			t.Errorf("a body of %d bytes was answered with %q", len(smuggled), rest)
		}
		if strings.Contains(b.log.String(), "smuggled") {
			t.Error("a body was taken for a request")
		}
	}
}

// TestInterleaved: a site that answers while it reads streams both ways at once.
func TestInterleaved(t *testing.T) {
	b, addr := serveOnSocket(t, nil)
	b.served(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		buf := make([]byte, 5)
		for range 3 {
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				return
			}
			_, _ = w.Write(buf)
			_ = rc.Flush()
		}
	}))
	c, r := dialRaw(t, addr)
	send(t, c, "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
	res, err := http.ReadResponse(r, &http.Request{Method: "POST"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	buf := make([]byte, 5)
	for i, word := range []string{"first", "again", "third"} {
		if i > 0 {
			send(t, c, "5\r\n"+word+"\r\n")
		}
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != word {
			t.Fatalf("echo %d = %q %v, want %q", i, buf, err, word)
		}
	}
	send(t, c, "0\r\n\r\n")
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) != 0 {
		t.Errorf("end = %q %v", rest, err)
	}
}
