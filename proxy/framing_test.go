package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestFraming: requests that two readers could understand differently are refused
// or go out in one clear form.
func TestFraming(t *testing.T) {
	const start = "GET /session/demo/x HTTP/1.1\r\nHost: w\r\n"
	const post = "POST /session/demo/x HTTP/1.1\r\nHost: w\r\n"
	for _, tt := range []struct {
		name, request string
		status        int
		seen          string // what the site got, as echo answers it
	}{
		{"folded line", start + "X-Folded: a\r\n b\r\n\r\n", 200, "GET /x  X-Folded=a b"},
		{"bare LF", "GET /session/demo/x HTTP/1.1\nHost: w\n\n", 200, "GET /x "},
		{"NUL in a value", start + "X: a\x00b\r\n\r\n", 400, ""},
		{"CR in a value", start + "X: a\rb\r\n\r\n", 400, ""},
		{"space in a name", start + "X Y: a\r\n\r\n", 400, ""},
		{"space before the colon", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, ""},
		{"space before the first field", "GET /session/demo/x HTTP/1.1\r\n Host: w\r\n\r\n", 400, ""},
		{"two hosts", start + "Host: v\r\n\r\n", 400, ""},
		{"broken host", "GET /session/demo/x HTTP/1.1\r\nHost: w/../x\r\n\r\n", 400, ""},
		{"broken version", "GET /session/demo/x HTTP/1.1x\r\nHost: w\r\n\r\n", 400, ""},
		{"version 2", "GET /session/demo/x HTTP/2.0\r\nHost: w\r\n\r\n", 505, ""},
		{"version 0.9", "GET /session/demo/x HTTP/0.9\r\nHost: w\r\n\r\n", 505, ""},
		{"no version", "GET /session/demo/x\r\nHost: w\r\n\r\n", 400, ""},
		{"broken method", "G(T /session/demo/x HTTP/1.1\r\nHost: w\r\n\r\n", 400, ""},
		{"own method", "BREW /session/demo/x HTTP/1.1\r\nHost: w\r\n\r\n", 200, "BREW /x "},
		{"same length twice", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 200, "POST /x hello"},
		{"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400, ""},
		{"list of lengths", post + "Content-Length: 5, 6\r\n\r\nhello!", 400, ""},
		{"signed length", post + "Content-Length: +5\r\n\r\nhello", 400, ""},
		{"negative length", post + "Content-Length: -5\r\n\r\nhello", 400, ""},
		{"both framings", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, "POST /x hello"},
		{"unknown encoding", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, ""},
		{"gzip and chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, ""},
		{"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, ""},
		{"chunk extension", post + "Transfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\n\r\n", 200, "POST /x hello"},
		{"bare LF behind a chunk's size", post + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400, ""},
		{"absolute target", "GET http://edit.example.com/session/demo/x HTTP/1.1\r\nHost: w\r\n\r\n", 200, "GET /x  X-Forwarded-Host=edit.example.com"},
		{"absolute target elsewhere", "GET http://w/x HTTP/1.1\r\nHost: w\r\nReferer: http://v/session/demo/\r\n\r\n", 404, ""},
		{"no path", "GET session/demo/x HTTP/1.1\r\nHost: w\r\n\r\n", 400, ""},
		{"long address", "GET /session/demo/" + strings.Repeat("x", 20_000) + " HTTP/1.1\r\nHost: w\r\n\r\n", 200, "GET /xxx"},
		{"too long address", "GET /session/demo/" + strings.Repeat("x", 40_000) + " HTTP/1.1\r\nHost: w\r\n\r\n", 431, ""},
		{"too long header", start + "X: " + strings.Repeat("x", 40_000) + "\r\n\r\n", 431, ""},
		{"too many fields", start + strings.Repeat("X: x\r\n", 10_000) + "\r\n", 431, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, addr := serveOnSocket(t, nil)
			reached := make(chan struct{}, 10)
			b.served(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				reached <- struct{}{}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return
				}
				w.Header().Set("Content-Type", "text/plain")
				_, _ = io.WriteString(w, r.Method+" "+r.RequestURI+" "+string(body))
				for _, name := range []string{"X-Folded", "X-Forwarded-Host"} {
					if v := r.Header.Get(name); v != "" && v != "w" {
						_, _ = io.WriteString(w, " "+name+"="+v)
					}
				}
			}))
			c, r := dialRaw(t, addr)
			go func() { _, _ = io.WriteString(c, tt.request) }()
			res, body, _ := answerTo(t, r, "GET")
			if res.StatusCode != tt.status || !strings.HasPrefix(body, tt.seen) {
				t.Errorf("answer = %d %.100q, want %d %q", res.StatusCode, body, tt.status, tt.seen)
			}
			_ = c.(*net.TCPConn).CloseWrite()
			if rest, _ := io.ReadAll(r); len(rest) > 0 {
				t.Errorf("one request has two answers: %.200q", rest)
			}
		})
	}
}

// TestChunkedRequestIsTheLast: what follows one may be no request, also if an
// informational answer comes first.
func TestChunkedRequestIsTheLast(t *testing.T) {
	b, addr := serveOnSocket(t, nil)
	b.served(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusEarlyHints)
	}))
	c, r := dialRaw(t, addr)
	post := "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	go func() { _, _ = io.WriteString(c, post+post) }()
	for _, want := range []int{http.StatusEarlyHints, http.StatusOK} {
		if res, _, err := answerTo(t, r, "POST"); err != nil || res.StatusCode != want {
			t.Fatalf("answer = %v, %v, want %d", res, err, want)
		}
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("the connection goes on: %.200q", rest)
	}
}

// TestAnswersWithoutBody: no byte follows the header of an answer to HEAD, or of a
// 204 or 304, and the connection goes on.
func TestAnswersWithoutBody(t *testing.T) {
	for _, tt := range []struct{ name, method, answer, length string }{
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "5"},
		{"HEAD, chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nEtag: \"a\"\r\n\r\n", ""},
		{"empty", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, addr := serveOnSocket(t, nil)
			b.scripted(func(_ int, c net.Conn, r *bufio.Reader) {
				for {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, tt.answer)
				}
			})
			c, r := dialRaw(t, addr)
			for range 2 {
				send(t, c, tt.method+" /session/demo/x HTTP/1.1\r\nHost: w\r\n\r\n")
				res, body, err := answerTo(t, r, tt.method)
				if body != "" || err != nil || res.Header.Get("Content-Length") != tt.length || res.Header.Get("Content-Type") != "" {
					t.Errorf("answer = %v %q %v, want Content-Length %q", res.Header, body, err, tt.length)
				}
			}
		})
	}
}
