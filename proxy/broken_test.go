package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
)

const (
	rawGet  = "GET /session/demo/x HTTP/1.1\r\nHost: w\r\n\r\n"
	rawPost = "POST /session/demo/x HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\nform"
	rawOK   = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
)

// TestResetBeforeTheFirstByte: 502, once the session's target has had its chance
// to be replaced; a POST is sent once.
func TestResetBeforeTheFirstByte(t *testing.T) {
	b, addr := serveOnSocket(t, nil)
	var seen atomic.Int64
	b.scripted(func(_ int, c net.Conn, r *bufio.Reader) {
		if req, err := http.ReadRequest(r); err == nil {
			_, _ = io.Copy(io.Discard, req.Body)
			seen.Add(1)
			_ = c.(*net.TCPConn).SetLinger(0) // a reset
		}
	})
	c, r := dialRaw(t, addr)
	send(t, c, rawPost)
	res, body, _ := answerTo(t, r, "POST")
	if res.StatusCode != http.StatusBadGateway || strings.Contains(body, "127.0.0.1") {
		t.Errorf("answer = %d %s, want 502 that names no address", res.StatusCode, body)
	}
	if n := seen.Load(); n != 1 {
		t.Errorf("the site saw the POST %d times", n)
	}
	if n := b.backends.suspected.Load(); n != 1 {
		t.Errorf("the target was suspected %d times, want once", n)
	}
}

// TestResetInTheMiddle: the client must see that the answer is not whole.
func TestResetInTheMiddle(t *testing.T) {
	for name, begin := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b, addr := serveOnSocket(t, nil)
			live := b.scripted(func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := http.ReadRequest(r); err == nil {
					_, _ = io.WriteString(c, begin)
				}
			})
			c, _ := dialRaw(t, addr)
			send(t, c, rawGet)
			all, err := io.ReadAll(c)
			if err == nil && (strings.Contains(string(all), "\r\n0\r\n") || strings.Contains(string(all), "Content-Length: 5\r\n")) {
				t.Errorf("half an answer looks whole: %q", all)
			}
			eventually(t, "no request is under way", func() bool { return live.Requests().Value() == 0 })
			_ = b.accessLog.Close()
			if line := b.log.String(); !strings.Contains(line, `"status":200`) || !strings.Contains(line, `"reason":"aborted"`) {
				t.Errorf("access line %s, want one that says that the answer broke off", line)
			}
		})
	}
}

// TestSilentUpstream: 504 in time, for requests with a body and without, on new
// connections and on kept ones; nothing is sent twice.
func TestSilentUpstream(t *testing.T) {
	for name, request := range map[string]string{"GET": rawGet, "POST": rawPost} {
		for _, kept := range []string{"new", "kept"} {
			t.Run(name+" "+kept, func(t *testing.T) {
				b, addr := serveOnSocket(t, func(o *Options) { o.Transport.ResponseTimeout = 300 * time.Millisecond })
				var seen atomic.Int64
				b.scripted(func(n int, c net.Conn, r *bufio.Reader) {
					for i := 0; ; i++ {
						req, err := http.ReadRequest(r)
						if err != nil {
							return
						}
						_, _ = io.Copy(io.Discard, req.Body)
						if kept == "kept" && n == 1 && i == 0 {
							_, _ = io.WriteString(c, rawOK)
							continue
						}
						seen.Add(1)
					}
				})
				c, r := dialRaw(t, addr)
				if kept == "kept" {
					send(t, c, request)
					_, _, _ = answerTo(t, r, name)
				}
				send(t, c, request)
				res, body, _ := answerTo(t, r, name)
				if res.StatusCode != http.StatusGatewayTimeout {
					t.Errorf("answer = %d %s, want 504", res.StatusCode, body)
				}
				if n := seen.Load(); n != 1 {
					t.Errorf("the site saw the request %d times", n)
				}
			})
		}
	}
}

// TestKeptConnectionThatCloses: a GET goes out again on a new connection. A POST
// that the site may have seen does not.
func TestKeptConnectionThatCloses(t *testing.T) {
	for name, tt := range map[string]struct {
		request string
		status  int
		seen    int64
	}{"GET": {rawGet, 200, 2}, "POST": {rawPost, 502, 1}} {
		t.Run(name, func(t *testing.T) {
			b, addr := serveOnSocket(t, nil)
			var seen atomic.Int64
			b.scripted(func(n int, c net.Conn, r *bufio.Reader) {
				for i := 0; ; i++ {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if i > 0 || n > 1 {
						seen.Add(1)
					}
					if n == 1 && i == 1 {
						return // closes in answer to the second request
					}
					_, _ = io.WriteString(c, rawOK)
				}
			})
			c, r := dialRaw(t, addr)
			send(t, c, tt.request)
			_, _, _ = answerTo(t, r, name)
			send(t, c, tt.request)
			if res, body, _ := answerTo(t, r, name); res.StatusCode != tt.status {
				t.Errorf("answer = %d %s, want %d", res.StatusCode, body, tt.status)
			}
			if n := seen.Load(); n != tt.seen {
				t.Errorf("the site saw the request %d times, want %d", n, tt.seen)
			}
		})
	}
}

// TestRefusedTargetKeepsTheBody: what a dead address has not seen arrives whole
// at the next one.
func TestRefusedTargetKeepsTheBody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		table, err := route.NewTable([]route.Rule{{Default: true, Action: route.ForwardTo("http://10.0.0.1:3000", "http://"+upstreamAddr)}})
		if err != nil {
			t.Fatal(err)
		}
		b := newBed(t, echo, func(o *Options) { o.Routes = table })
		for range 3 {
			r := b.do(t.Context(), "POST", "/x", nil, strings.NewReader("form"))
			if r.err != nil || r.StatusCode != 200 || r.body != "POST /x form" {
				t.Errorf("forwarded = %v %q %v", r.Response, r.body, r.err)
			}
		}
	})
	bubble(t, func(t *testing.T) {
		b := newBed(t, nil, nil)
		b.ready()
		b.backends.delay = time.Second
		time.AfterFunc(500*time.Millisecond, func() { b.serve(upstreamAddr, echo) })
		r := b.do(t.Context(), "POST", "/session/demo/x", nil, strings.NewReader("form"))
		if r.err != nil || r.StatusCode != 200 || r.body != "POST /x form" {
			t.Errorf("session = %v %q %v", r.Response, r.body, r.err)
		}
	})
}

// TestAllTargetsRefuse: 502, after each was asked once.
func TestAllTargetsRefuse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		table, err := route.NewTable([]route.Rule{{Default: true, Action: route.ForwardTo("http://10.0.0.1:3000", "http://10.0.0.2:3000")}})
		if err != nil {
			t.Fatal(err)
		}
		b := newBed(t, nil, func(o *Options) { o.Routes = table })
		if r := b.get("/x", nil); r.StatusCode != http.StatusBadGateway {
			t.Errorf("answer = %d, want 502", r.StatusCode)
		}
	})
}

// TestConnectionToNowhere: a host that drops packets is given up in time.
func TestConnectionToNowhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, nil, func(o *Options) { o.Transport.DialTimeout = 3 * time.Second })
		b.ready()
		b.network.listen(upstreamAddr) // accepts nothing
		b.backends.err = errors.New("no more")
		r := b.do(t.Context(), "POST", "/session/demo/x", nil, strings.NewReader("form"))
		if r.err != nil || r.StatusCode < 500 || r.after > 10*time.Second {
			t.Errorf("answer = %v %v after %v", r.Response, r.err, r.after)
		}
	})
}
