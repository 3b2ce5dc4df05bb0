package accesslog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// begin wraps w as for a GET request.
func begin(t *testing.T, w http.ResponseWriter) (*Record, http.ResponseWriter) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	return newLogger(t, io.Discard, Options{}).Begin(w, r)
}

func TestStatus(t *testing.T) {
	tests := []struct {
		name string
		do   func(http.ResponseWriter)
		want int
	}{
		{"nothing", func(http.ResponseWriter) {}, 0},
		{"header", func(w http.ResponseWriter) { w.WriteHeader(404) }, 404},
		{"first header", func(w http.ResponseWriter) { w.WriteHeader(404); w.WriteHeader(500) }, 404},
		{"informational", func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(201) }, 201},
		{"switching protocols", func(w http.ResponseWriter) { w.WriteHeader(101) }, 101},
		{"body", func(w http.ResponseWriter) { _, _ = w.Write([]byte("x")) }, 200},
		{"string", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") }, 200},
		{"copied", func(w http.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader("x")) }, 200},
		{"flush", func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, 200},
		{"override", func(w http.ResponseWriter) { w.WriteHeader(502); recordOf(w).SetStatus(499) }, 499},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec, w := begin(t, httptest.NewRecorder())
			tt.do(w)
			if got := rec.Status(); got != tt.want {
				t.Errorf("Status() = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestBytesOut(t *testing.T) {
	out := httptest.NewRecorder()
	rec, w := begin(t, out)
	_, _ = w.Write([]byte("1"))
	_, _ = io.WriteString(w, "22")
	_, _ = io.Copy(w, strings.NewReader("333"))
	rec.AddTraffic(7, 10)
	if got := rec.BytesOut(); got != 16 {
		t.Errorf("BytesOut() = %d, want 16", got)
	}
	if got := rec.BytesIn(); got != 7 {
		t.Errorf("BytesIn() = %d, want 7", got)
	}
	if got := out.Body.String(); got != "122333" {
		t.Errorf("body = %q", got)
	}
	rec.Method = http.MethodHead
	if got := rec.BytesOut(); got != 0 {
		t.Errorf("BytesOut() of HEAD = %d, want 0", got)
	}
}

// fileWriter is a response writer with a ReadFrom of its own.
type fileWriter struct {
	http.ResponseWriter
	copied bytes.Buffer
}

func (w *fileWriter) ReadFrom(r io.Reader) (int64, error) { return w.copied.ReadFrom(r) }

func TestReadFromReachesTheServer(t *testing.T) {
	inner := &fileWriter{ResponseWriter: httptest.NewRecorder()}
	rec, w := begin(t, inner)
	// LimitReader hides the WriteTo that io.Copy would use first.
	if n, err := io.Copy(w, io.LimitReader(strings.NewReader("12345"), 4)); n != 4 || err != nil {
		t.Errorf("Copy = %d, %v, want 4", n, err)
	}
	if inner.copied.String() != "1234" || rec.BytesOut() != 4 {
		t.Errorf("ReadFrom got %q, %d bytes counted", inner.copied.String(), rec.BytesOut())
	}
}

func TestControllerReachesTheServer(t *testing.T) {
	_, w := begin(t, nullWriter{http.Header{}})
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Now()); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("SetReadDeadline() = %v, want %v", err, http.ErrNotSupported)
	}
	if err := rc.Flush(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("Flush() = %v, want %v", err, http.ErrNotSupported)
	}
	if _, _, err := rc.Hijack(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("Hijack() = %v, want %v", err, http.ErrNotSupported)
	}
	if recordOf(w).Status() != 0 {
		t.Error("what is not supported set a status")
	}
}

type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, nil, nil }

func TestHijack(t *testing.T) {
	conn, other := net.Pipe()
	defer conn.Close()
	defer other.Close()
	rec, w := begin(t, hijacker{httptest.NewRecorder(), conn})
	got, _, err := w.(http.Hijacker).Hijack()
	if got != conn || err != nil || rec.Status() != http.StatusSwitchingProtocols {
		t.Errorf("Hijack() = %v, %v, status %d, want the connection, status 101", got, err, rec.Status())
	}
}

// A body that is still read after End must not reach another request.
func TestLateReaderKeepsItsBody(t *testing.T) {
	l := newLogger(t, io.Discard, Options{})
	first := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("first"))
	rec, _ := l.Begin(httptest.NewRecorder(), first)
	late := first.Body
	l.End(rec)
	second := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("second"))
	rec, _ = l.Begin(httptest.NewRecorder(), second)
	if got, _ := io.ReadAll(late); string(got) != "first" {
		t.Errorf("the first request's body reads %q", got)
	}
	if got := rec.BytesIn(); got != 0 {
		t.Errorf("BytesIn() of the second request = %d, want 0", got)
	}
	l.End(rec)
}

// Over a real connection: early hints, flushes and hijacks go through.
func TestServer(t *testing.T) {
	var out bytes.Buffer
	l := newLogger(t, &out, Options{})
	done := make(chan struct{}, 2)
	h := logged(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hijack" {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			_ = rw.Flush()
			_ = conn.Close()
			return
		}
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "b")
	}))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		done <- struct{}{}
	}))
	defer srv.Close()
	for _, path := range []string{"/", "/hijack"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "x")
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if path == "/" {
			if body, _ := io.ReadAll(res.Body); string(body) != "ab" {
				t.Errorf("body = %q, want ab", body)
			}
		}
		_ = res.Body.Close()
		<-done
	}
	_ = l.Close()
	first, second, _ := strings.Cut(out.String(), "\n")
	if got := fields(t, first+"\n"); got["status"] != 200.0 || got["bytes_out"] != 2.0 {
		t.Errorf("line = %v, want status 200, 2 bytes", got)
	}
	if got := fields(t, second); got["status"] != 101.0 {
		t.Errorf("line = %v, want status 101", got)
	}
}
