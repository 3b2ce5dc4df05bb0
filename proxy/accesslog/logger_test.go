package accesslog

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newLogger(t testing.TB, w io.Writer, o Options) *Logger {
	t.Helper()
	l, err := New(w, o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve logs one request and returns its line.
func serve(t *testing.T, o Options, r *http.Request, h http.HandlerFunc) string {
	t.Helper()
	var out bytes.Buffer
	l := newLogger(t, &out, o)
	logged(l, h).ServeHTTP(httptest.NewRecorder(), r)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// fields decodes a JSON line.
func fields(t *testing.T, line string) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
	if strings.Count(line, "\n") != 1 {
		t.Errorf("line %q is not one line", line)
	}
	return m
}

func TestJSONLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://edit.example.com/session/demo/a%20b?x=1&token=abc", strings.NewReader("hello"))
		r.Header.Set("User-Agent", `cur"l`)
		line := serve(t, Options{}, r, func(w http.ResponseWriter, r *http.Request) {
			rec := recordOf(w)
			rec.RequestID, rec.SessionID, rec.ClientID = "id-1", "demo", "acme"
			rec.Rule, rec.Action = "15", "session"
			rec.Target, rec.UpstreamStatus, rec.UpstreamDuration = "127.0.0.1:4321", 201, 1500*time.Microsecond
			rec.Cold = Cold{Class: "api", Answer: "hold", Waited: 2 * time.Second}
			rec.Reason = "why"
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(2*time.Second + 1234567*time.Nanosecond)
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "done")
		})
		want := map[string]any{
			"time": time.Now().UTC().Format(timeFormat), "request_id": "id-1", "method": "POST", "host": "edit.example.com",
			"path": "/session/demo/a%20b?x=1&token=***", "proto": "HTTP/1.1", "status": 201.0, "bytes_in": 5.0, "bytes_out": 4.0,
			"duration": 2.001234, "upstream_duration": 0.0015, "upstream_status": 201.0, "session_id": "demo", "client_id": "acme",
			"rule": "15", "action": "session", "target": "127.0.0.1:4321", "client": "192.0.2.1:1234", "user_agent": `cur"l`,
			"cold_class": "api", "cold_answer": "hold", "cold_waited": 2.0, "reason": "why",
		}
		if diff := cmp.Diff(want, fields(t, line)); diff != "" {
			t.Errorf("line (-want +got):\n%s", diff)
		}
	})
}

func TestEmptyFieldsAreLeftOut(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	got := fields(t, serve(t, Options{}, r, func(http.ResponseWriter, *http.Request) {}))
	for _, key := range []string{"time", "duration"} {
		if _, ok := got[key]; !ok {
			t.Errorf("%s is missing", key)
		}
		delete(got, key)
	}
	want := map[string]any{
		"method": "GET", "host": "example.com", "path": "/", "proto": "HTTP/1.1", "status": 200.0,
		"bytes_in": 0.0, "bytes_out": 0.0, "client": "192.0.2.1:1234",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

func TestALBLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().UTC()
		r := httptest.NewRequestWithContext(t.Context(), "GET", "https://edit.example.com/session/demo/?token=a&b=\"\xff", nil)
		r.Header.Set("User-Agent", "a \"b\"\tc")
		r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, ServerName: "edit.example.com"}
		line := serve(t, Options{Format: ALB, Name: "edit"}, r, func(w http.ResponseWriter, _ *http.Request) {
			rec := recordOf(w)
			rec.TraceID, rec.Rule, rec.Priority, rec.Action = "Root=1-2-3", "15", 15, "session"
			rec.Target, rec.UpstreamStatus, rec.UpstreamDuration = "10.0.0.1:4321", 200, 250*time.Millisecond
			rec.Cold.Waited = time.Second
			time.Sleep(1500 * time.Millisecond)
			_, _ = io.WriteString(w, "1234")
		})
		want := `https ` + time.Now().UTC().Format(timeFormat) + ` edit 192.0.2.1:1234 10.0.0.1:4321 1.000 0.250 0.250 200 200 0 4 ` +
			`"GET https://edit.example.com:443/session/demo/?token=***&b=\x22\xff HTTP/1.1" "a \x22b\x22\x09c" TLS_AES_128_GCM_SHA256 TLSv1.3 - ` +
			`"Root=1-2-3" "edit.example.com" "-" 15 ` + start.Format(timeFormat) + ` "forward" "-" "-" "10.0.0.1:4321" "200" "-" "-" - "-" "-" "-"` + "\n"
		if diff := cmp.Diff(want, line); diff != "" {
			t.Errorf("line (-want +got):\n%s", diff)
		}
	})
}

func TestALBLineWithoutTarget(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://[::1]:8080/x", nil)
	line := serve(t, Options{Format: ALB}, r, func(w http.ResponseWriter, _ *http.Request) {
		recordOf(w).Action = "redirect"
		w.Header().Set("Location", "https://example.com/share/abc?key=1")
		w.WriteHeader(http.StatusFound)
	})
	f := splitALB(line)
	if len(f) != 33 {
		t.Fatalf("%d fields, want 33: %s", len(f), line)
	}
	got := []string{f[0], f[2], f[4], f[5], f[6], f[7], f[8], f[9], f[12], f[14], f[15], f[18], f[20], f[22], f[23]}
	want := []string{
		"http", "warmgate", "-", "-1", "-1", "-1", "302", "-", "GET http://[::1]:8080/x HTTP/1.1",
		"-", "-", "-", "-1", "redirect", "https://example.com/share/***?key=***",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// splitALB cuts a line at spaces outside of quotes.
func splitALB(line string) []string {
	var list []string
	for rest := strings.TrimSuffix(line, "\n"); rest != ""; {
		var word string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			word, rest, _ = strings.Cut(quoted, `"`)
			rest = strings.TrimPrefix(rest, " ")
		} else {
			word, rest, _ = strings.Cut(rest, " ")
		}
		list = append(list, word)
	}
	return list
}

func TestConnectionType(t *testing.T) {
	tests := []struct {
		scheme, proto string
		status        int
		want          string
	}{
		{"http", "HTTP/1.1", 200, "http"},
		{"https", "HTTP/1.1", 200, "https"},
		{"https", "HTTP/2.0", 200, "h2"},
		{"http", "HTTP/1.1", 101, "ws"},
		{"https", "HTTP/1.1", 101, "wss"},
	}
	for _, tt := range tests {
		if got := connectionType(&Record{Scheme: tt.scheme, Proto: tt.proto}, tt.status); got != tt.want {
			t.Errorf("connectionType(%+v) = %q, want %q", tt, got, tt.want)
		}
	}
}

func TestSkip(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	if line := serve(t, Options{}, r, func(w http.ResponseWriter, _ *http.Request) { recordOf(w).Skip = true }); line != "" {
		t.Errorf("line = %q, want none", line)
	}
}

func TestPanic(t *testing.T) {
	for _, tt := range []struct {
		before int // status written before the panic
		want   float64
	}{{0, 500}, {200, 200}} {
		var out bytes.Buffer
		l := newLogger(t, &out, Options{})
		h := logged(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tt.before != 0 {
				w.WriteHeader(tt.before)
			}
			panic(http.ErrAbortHandler)
		}))
		func() {
			defer func() {
				if v, _ := recover().(error); !errors.Is(v, http.ErrAbortHandler) {
					t.Errorf("recover() = %v, want the handler's panic", v)
				}
			}()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		}()
		_ = l.Close()
		if got := fields(t, out.String()); got["status"] != tt.want || got["reason"] != "aborted" {
			t.Errorf("status %v, reason %v, want %v, aborted", got["status"], got["reason"], tt.want)
		}
	}
}

// The line of a connection that was taken over comes when it ends, although the
// handler's record is long used again.
func TestDetach(t *testing.T) {
	for _, format := range []Format{JSON, ALB} {
		var out bytes.Buffer
		l := newLogger(t, &out, Options{Format: format})
		rec, _ := l.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/socket", nil))
		rec.SessionID, rec.Target = "demo", "10.0.0.1:4321"
		late := l.Detach(rec)
		rec.Skip = true
		l.End(rec)
		late.SetStatus(http.StatusSwitchingProtocols)
		late.AddTraffic(3, 4)
		l.End(late)
		_ = l.Close()
		if format == JSON {
			got := fields(t, out.String())
			if got["path"] != "/socket" || got["session_id"] != "demo" || got["status"] != 101.0 || got["bytes_in"] != 3.0 || got["bytes_out"] != 4.0 {
				t.Errorf("line = %v", got)
			}
		} else if f := splitALB(out.String()); len(f) != 33 || f[0] != "ws" || f[4] != "10.0.0.1:4321" {
			t.Errorf("line = %q", out.String())
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := New(io.Discard, Options{Format: "xml"}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("New with format xml = nil, want an error")
	}
}

// slowWriter writes only when it is told to.
type slowWriter struct {
	began, goOn chan struct{}
	out         bytes.Buffer
}

func (w *slowWriter) Write(p []byte) (int, error) {
	w.began <- struct{}{}
	<-w.goOn
	return w.out.Write(p)
}

func TestSlowOutputDropsAndNeverBlocks(t *testing.T) {
	w := &slowWriter{began: make(chan struct{}), goOn: make(chan struct{})}
	var report bytes.Buffer
	l, err := New(w, Options{MaxPending: 100, FlushInterval: time.Millisecond}, slog.New(slog.NewTextHandler(&report, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = l.Run(ctx) })

	line := []byte(strings.Repeat("x", 39) + "\n")
	l.add(line)
	<-w.began // the first line is being written, and hangs
	for range 5 {
		l.add(line)
	}
	if got := l.Dropped(); got != 3 {
		t.Errorf("Dropped() = %d, want 3: 2 of 5 lines fit", got)
	}
	cancel()
	w.goOn <- struct{}{}
	<-w.began
	w.goOn <- struct{}{}
	wg.Wait()
	if got := w.out.Len(); got != 3*len(line) {
		t.Errorf("%d bytes written, want %d", got, 3*len(line))
	}
	if !strings.Contains(report.String(), "access log lines dropped") || !strings.Contains(report.String(), "lines=3") {
		t.Errorf("report = %q, want 3 dropped lines", report.String())
	}
}

func TestRunWritesAfterTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := newLogger(t, &out, Options{FlushInterval: time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = l.Run(ctx) })
		l.add([]byte("a\n"))
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if got := out.String(); got != "a\n" {
			t.Errorf("after 1.5 s: %q, want the line", got)
		}
		for range flushSize / 2 {
			l.add([]byte("b\n"))
		}
		synctest.Wait()
		if got := out.Len(); got != 2+flushSize {
			t.Errorf("%d bytes written at once, want %d", got, 2+flushSize)
		}
		l.add([]byte("c\n"))
		cancel()
		wg.Wait()
		if !strings.HasSuffix(out.String(), "c\n") {
			t.Error("the last line was not written when Run ended")
		}
	})
}

type brokenWriter struct{}

var errBroken = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestErrorsAndCloseCount(t *testing.T) {
	l := newLogger(t, brokenWriter{}, Options{})
	l.add([]byte("a\n"))
	l.add([]byte("b\n"))
	if err := l.Close(); !errors.Is(err, errBroken) {
		t.Errorf("Close() = %v, want %v", err, errBroken)
	}
	l.add([]byte("c\n"))
	if got := l.Dropped(); got != 3 {
		t.Errorf("Dropped() = %d, want 3", got)
	}
}

func TestConcurrentRequests(t *testing.T) {
	var out bytes.Buffer
	l := newLogger(t, &out, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var run, requests sync.WaitGroup
	run.Go(func() { _ = l.Run(ctx) })
	h := logged(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recordOf(w).SessionID = r.URL.Path
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	for range 8 {
		requests.Go(func() {
			for range 200 {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/a", nil))
			}
		})
	}
	requests.Wait()
	cancel()
	run.Wait()
	lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 1600 {
		t.Fatalf("%d lines, want 1600", len(lines))
	}
	for _, line := range lines {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil || m["session_id"] != "/a" || m["bytes_out"] != 2.0 {
			t.Fatalf("line %q: %v", line, err)
		}
	}
}

type nullWriter struct{ header http.Header }

func (w nullWriter) Header() http.Header         { return w.header }
func (w nullWriter) WriteHeader(int)             {}
func (w nullWriter) Write(p []byte) (int, error) { return len(p), nil }

func benchmark(b *testing.B, f Format) {
	l := newLogger(b, io.Discard, Options{Format: f})
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = l.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	r := httptest.NewRequestWithContext(b.Context(), "GET", "http://edit.example.com/session/0123456789abcdef/_astro/page.D1.js?v=1", nil)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36")
	r.Body = http.NoBody
	var w http.ResponseWriter = nullWriter{http.Header{}}
	body := make([]byte, 1000)
	b.ReportAllocs()
	for b.Loop() {
		rec, ww := l.Begin(w, r)
		rec.RequestID, rec.SessionID, rec.ClientID = "1-67891233-abcdef012345678912345678", "0123456789abcdef", "acme"
		rec.Rule, rec.Priority, rec.Action, rec.Target = "15", 15, "session", "10.0.1.23:4321"
		rec.UpstreamStatus, rec.UpstreamDuration = 200, 3*time.Millisecond
		ww.WriteHeader(200)
		_, _ = ww.Write(body)
		l.End(rec)
	}
}

func BenchmarkJSON(b *testing.B) { benchmark(b, JSON) }
func BenchmarkALB(b *testing.B)  { benchmark(b, ALB) }
