package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// site is an upstream whose every connection is served by a script.
type site struct {
	t     *testing.T
	serve func(n int, c net.Conn) // n counts the connections from 1
	mu    sync.Mutex
	made  int
	wg    sync.WaitGroup
}

func (s *site) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	s.made++
	n := s.made
	s.mu.Unlock()
	here, there := net.Pipe()
	s.wg.Go(func() {
		defer func() { _ = there.Close() }()
		s.serve(n, there)
	})
	return here, nil
}

// answer reads requests from c and answers each with text, until c is closed.
func answer(c net.Conn, text ...string) {
	r := bufio.NewReader(c)
	for i := 0; ; i++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		if _, err := io.WriteString(c, text[min(i, len(text)-1)]); err != nil {
			return
		}
	}
}

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

func get(ctx context.Context, t *Transport, method string) (res *http.Response, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://site.example/x?y", nil)
	if err != nil {
		return nil, "", err
	}
	res, err = t.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	return res, string(text), err
}

// bubble runs f with a Transport to a scripted site.
func bubble(t *testing.T, o Options, serve func(n int, c net.Conn), f func(t *testing.T, s *site, tr *Transport)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t, serve: serve}
		o.Dial = s.dial
		tr := New(o)
		f(t, s, tr)
		tr.CloseIdleConnections()
		s.wg.Wait()
		time.Sleep(time.Minute) // the sweep ends by itself
	})
}

func TestReusesConnections(t *testing.T) {
	for name, text := range map[string]string{
		"length":      hello,
		"chunked":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"no content":  "HTTP/1.1 204 No Content\r\n\r\n",
		"not changed": "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(_ int, c net.Conn) { answer(c, text) }, func(t *testing.T, s *site, tr *Transport) {
				for range 3 {
					if _, _, err := get(t.Context(), tr, "GET"); err != nil {
						t.Fatal(err)
					}
				}
				if s.made != 1 {
					t.Errorf("%d connections were made, want 1", s.made)
				}
			})
		})
	}
}

func TestHead(t *testing.T) {
	bubble(t, Options{}, func(_ int, c net.Conn) { answer(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") }, func(t *testing.T, s *site, tr *Transport) {
		for range 2 {
			res, body, err := get(t.Context(), tr, "HEAD")
			if err != nil || res.ContentLength != 5 || body != "" {
				t.Fatalf("HEAD = %v %q %v", res, body, err)
			}
		}
		if s.made != 1 {
			t.Errorf("%d connections were made, want 1", s.made)
		}
	})
}

func TestDoesNotReuse(t *testing.T) {
	for name, text := range map[string]string{
		"asked to close":     "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.0":           "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"bytes behind":       hello + "garbage",
		"bytes behind a 304": "HTTP/1.1 304 Not Modified\r\n\r\ngarbage",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(_ int, c net.Conn) { answer(c, text) }, func(t *testing.T, s *site, tr *Transport) {
				for range 2 {
					if _, _, err := get(t.Context(), tr, "GET"); err != nil {
						t.Fatal(err)
					}
				}
				if s.made != 2 {
					t.Errorf("%d connections were made, want 2", s.made)
				}
			})
		})
	}
}

// TestBodyUntilClose: an answer without a length ends with its connection.
func TestBodyUntilClose(t *testing.T) {
	bubble(t, Options{}, func(_ int, c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nall of it")
		}
	}, func(t *testing.T, _ *site, tr *Transport) {
		if _, body, err := get(t.Context(), tr, "GET"); err != nil || body != "all of it" {
			t.Errorf("got %q, %v", body, err)
		}
	})
}

// TestStaleConnection: the site has closed a connection that was kept; the request
// goes out again on a new one, and only then.
func TestStaleConnection(t *testing.T) {
	bubble(t, Options{}, func(n int, c net.Conn) {
		if n == 1 {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.WriteString(c, hello)
			}
			return // closes
		}
		answer(c, hello)
	}, func(t *testing.T, s *site, tr *Transport) {
		for range 3 {
			if _, body, err := get(t.Context(), tr, "GET"); err != nil || body != "hello" {
				t.Fatalf("got %q, %v", body, err)
			}
			synctest.Wait()
		}
		if s.made != 2 {
			t.Errorf("%d connections were made, want 2", s.made)
		}
	})
}

func TestNewConnectionIsNotTriedTwice(t *testing.T) {
	bubble(t, Options{}, func(int, net.Conn) {}, func(t *testing.T, s *site, tr *Transport) {
		if _, _, err := get(t.Context(), tr, "GET"); err == nil {
			t.Error("a closed connection gave an answer")
		}
		if s.made != 1 {
			t.Errorf("%d connections were made, want 1", s.made)
		}
	})
}

// TestBrokenAnswerIsNotAskedAgain: a kept connection that breaks within an answer.
func TestBrokenAnswerIsNotAskedAgain(t *testing.T) {
	bubble(t, Options{}, func(_ int, c net.Conn) { answer(c, hello, "HTTP/1.1 200 OK\r\nX: "); _ = c.Close() }, func(t *testing.T, s *site, tr *Transport) {
		if _, _, err := get(t.Context(), tr, "GET"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := get(ctx, tr, "GET"); err == nil {
			t.Error("half an answer was taken for one")
		}
		if s.made != 1 {
			t.Errorf("%d connections were made, want 1", s.made)
		}
	})
}

func TestResponseTimeout(t *testing.T) {
	bubble(t, Options{ResponseTimeout: 3 * time.Second}, func(_ int, c net.Conn) { answer(c, "") }, func(t *testing.T, _ *site, tr *Transport) {
		began := time.Now()
		_, _, err := get(t.Context(), tr, "GET")
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() || time.Since(began) != 3*time.Second {
			t.Errorf("a silent site = %v after %v, want a timeout after 3s", err, time.Since(began))
		}
	})
}

// TestSlowBody: only the header has a time limit.
func TestSlowBody(t *testing.T) {
	bubble(t, Options{ResponseTimeout: time.Second}, func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
		time.Sleep(time.Hour)
		_, _ = io.WriteString(c, "after")
		_, _ = r.ReadByte()
	}, func(t *testing.T, _ *site, tr *Transport) {
		if _, body, err := get(t.Context(), tr, "GET"); err != nil || body != "firstafter" {
			t.Errorf("got %q, %v", body, err)
		}
	})
}

func TestContextEndsTheWait(t *testing.T) {
	for name, text := range map[string]string{"before the header": "", "in the body": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(_ int, c net.Conn) { answer(c, text) }, func(t *testing.T, _ *site, tr *Transport) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(2*time.Second, cancel)
				began := time.Now()
				if _, _, err := get(ctx, tr, "GET"); !errors.Is(err, context.Canceled) || time.Since(began) != 2*time.Second {
					t.Errorf("%v after %v, want canceled after 2s", err, time.Since(began))
				}
			})
		})
	}
}

// TestCancelLeavesNoPoisonedConnection: a context that ends as its request does
// must not disturb the next one on the same connection.
func TestCancelLeavesNoPoisonedConnection(t *testing.T) {
	bubble(t, Options{}, func(_ int, c net.Conn) { answer(c, hello) }, func(t *testing.T, _ *site, tr *Transport) {
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, "GET", "http://site.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			go cancel()
			_, _ = io.ReadAll(res.Body)
			_ = res.Body.Close()
			if _, body, err := get(t.Context(), tr, "GET"); err != nil || body != "hello" {
				t.Fatalf("the next request got %q, %v", body, err)
			}
		}
	})
}

func TestUnreadBodyIsGivenUp(t *testing.T) {
	bubble(t, Options{}, func(_ int, c net.Conn) { answer(c, hello) }, func(t *testing.T, s *site, tr *Transport) {
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://site.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if _, err := res.Body.Read(make([]byte, 1)); err == nil {
				t.Error("a closed body can be read")
			}
		}
		if s.made != 2 {
			t.Errorf("%d connections were made, want 2", s.made)
		}
	})
}

func TestInformationalAnswers(t *testing.T) {
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	bubble(t, Options{}, func(_ int, c net.Conn) { answer(c, hints+hello, strings.Repeat(hints, 9)+hello) }, func(t *testing.T, _ *site, tr *Transport) {
		var seen []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				seen = append(seen, fmt.Sprint(code, h.Get("Link")))
				return nil
			},
		})
		if _, body, err := get(ctx, tr, "GET"); err != nil || body != "hello" || len(seen) != 1 || seen[0] != "103</a>" {
			t.Errorf("got %q, %v, hints %v", body, err, seen)
		}
		if _, _, err := get(t.Context(), tr, "GET"); err == nil {
			t.Error("nine informational answers were accepted")
		}
	})
}

func TestHeaderIsBounded(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 10_000) + "\r\nContent-Length: 5\r\n\r\nhello"
	bubble(t, Options{MaxHeaderBytes: 8192}, func(_ int, c net.Conn) { answer(c, long) }, func(t *testing.T, _ *site, tr *Transport) {
		if _, _, err := get(t.Context(), tr, "GET"); !errors.Is(err, errHeaderTooLong) {
			t.Errorf("got %v, want %v", err, errHeaderTooLong)
		}
	})
}

func TestUnaskedSwitchIsRefused(t *testing.T) {
	bubble(t, Options{}, func(_ int, c net.Conn) { answer(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n") }, func(t *testing.T, _ *site, tr *Transport) {
		if _, _, err := get(t.Context(), tr, "GET"); err == nil {
			t.Error("101 was accepted")
		}
	})
}

// TestIdleConnectionsAreClosed, those too many and those too old.
func TestIdleConnectionsAreClosed(t *testing.T) {
	bubble(t, Options{MaxIdlePerHost: 2, IdleTimeout: 4 * time.Second}, func(_ int, c net.Conn) { answer(c, hello) }, func(t *testing.T, s *site, tr *Transport) {
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, _, err := get(t.Context(), tr, "GET"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := kept(tr); n > 2 {
			t.Errorf("%d unused connections are kept, want at most 2", n)
		}
		time.Sleep(7 * time.Second)
		s.wg.Wait() // the site sees all of them closed
		if n := kept(tr); n != 0 {
			t.Errorf("%d are still kept", n)
		}
	})
}

// kept counts the unused connections.
func kept(t *Transport) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, list := range t.idle {
		n += len(list)
	}
	return n
}

func TestOldConnectionIsNotUsed(t *testing.T) {
	bubble(t, Options{IdleTimeout: 4 * time.Second}, func(_ int, c net.Conn) { answer(c, hello) }, func(t *testing.T, s *site, tr *Transport) {
		for range 3 {
			if _, _, err := get(t.Context(), tr, "GET"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(4 * time.Second)
		}
		if s.made != 3 {
			t.Errorf("%d connections were made, want 3", s.made)
		}
	})
}

// TestOtherRequests: what is not plain goes by http.Transport.
func TestOtherRequests(t *testing.T) {
	bubble(t, Options{}, func(_ int, c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		body, _ := io.ReadAll(req.Body)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s %s", req.Method, body)
	}, func(t *testing.T, _ *site, tr *Transport) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://site.example/", strings.NewReader("form"))
		if err != nil {
			t.Fatal(err)
		}
		if isPlain(req) {
			t.Error("a POST is taken for plain")
		}
		res, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "POST form" {
			t.Errorf("got %q, %v", body, err)
		}
	})
}

// TestSilenceIsNotStaleness: a kept connection that stays silent is no reason to
// send the request again: the site may be at work on it.
func TestSilenceIsNotStaleness(t *testing.T) {
	bubble(t, Options{ResponseTimeout: 3 * time.Second}, func(_ int, c net.Conn) { answer(c, hello, "") }, func(t *testing.T, s *site, tr *Transport) {
		if _, _, err := get(t.Context(), tr, "GET"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, _, err := get(t.Context(), tr, "GET"); !errors.Is(err, errHeaderTimeout) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v, want a timeout after 3s", err, time.Since(began))
		}
		if s.made != 1 {
			t.Errorf("%d connections were made, want 1", s.made)
		}
	})
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"http://site.example/": "site.example:80", "http://site.example:8080/": "site.example:8080",
		"http://[::1]/": "[::1]:80", "http://[::1]:4321/": "[::1]:4321", "http://10.0.0.1:/": "10.0.0.1:80",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := address(u); got != want {
			t.Errorf("address(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestIsPlain(t *testing.T) {
	for _, tt := range []struct {
		method, url string
		header      http.Header
		want        bool
	}{
		{"GET", "http://h/", nil, true},
		{"HEAD", "http://h/", nil, true},
		{"GET", "https://h/", nil, false},
		{"DELETE", "http://h/", nil, false},
		{"GET", "http://h/", http.Header{"Upgrade": {"websocket"}}, false},
		{"GET", "http://h/", http.Header{"Expect": {"100-continue"}}, false},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = tt.header
		if got := isPlain(req); got != tt.want {
			t.Errorf("isPlain(%s %s %v) = %v, want %v", tt.method, tt.url, tt.header, got, tt.want)
		}
	}
}
