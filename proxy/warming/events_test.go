package warming_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/warming"
	"github.com/webordinary/warmgate/session"
)

func newLive(id session.ID) *session.Live {
	return session.NewRegistry(session.Clocks{}).Acquire(&session.Session{ID: id, Status: session.Inactive})
}

// pipeListener accepts the server ends of in-memory connections.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// serve runs pages.Events for live on an in-memory server and returns a client
// of it.
func serve(t *testing.T, pages *warming.Pages, live *session.Live) *http.Client {
	t.Helper()
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.Events(w, r, live)
	})}
	go func() { _ = srv.Serve(l) }()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		client, server := net.Pipe()
		select {
		case l.conns <- server:
			return client, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		srv.Close()
	})
	return &http.Client{Transport: tr}
}

// stream is an open event stream.
type stream struct {
	res    *http.Response
	in     *bufio.Reader
	cancel context.CancelFunc
}

func open(t *testing.T, c *http.Client) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://warmgate/session/demo/.warmgate/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		res.Body.Close()
	})
	return &stream{res: res, in: bufio.NewReader(res.Body), cancel: cancel}
}

// next returns the next block: an event or a comment; "" at the end.
func (s *stream) next(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return b.String()
		}
		if line == "\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

// state is an event's snapshot as a page reads it.
type state struct {
	Phase   string
	Elapsed int
	Steps   []struct {
		Phase string
		At    int
	}
	Median, P90, RetryIn int
	Log                  []string
}

func (s *stream) state(t *testing.T) state {
	t.Helper()
	block := s.next(t)
	data, ok := strings.CutPrefix(block, "event: state\ndata: ")
	if !ok {
		t.Fatalf("event = %q, want a state", block)
	}
	var st state
	if err := json.Unmarshal([]byte(data), &st); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live, pages := newLive("demo"), newPages(t, warming.Options{})
		began := time.Now()
		set := func(phases ...session.Phase) {
			b := session.Backend{Phase: phases[len(phases)-1], Began: began}
			for i, p := range phases {
				b.Steps = append(b.Steps, session.Step{Phase: p, At: began.Add(time.Duration(i) * time.Second)})
			}
			live.SetBackend(b)
		}
		set(session.PhaseAsked)
		s := open(t, serve(t, pages, live))
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
		} {
			if got := s.res.Header.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		if got := s.state(t); got.Phase != "asked" {
			t.Errorf("first phase = %q, want asked", got.Phase)
		}
		time.Sleep(time.Second)
		set(session.PhaseAsked, session.PhaseStarting)
		if got := s.state(t); got.Phase != "starting" || got.Elapsed != 1000 || len(got.Steps) != 2 || got.Steps[1].At != 1000 {
			t.Errorf("second state = %+v, want starting after 1000 ms", got)
		}
		set(session.PhaseAsked, session.PhaseStarting, session.PhaseReady)
		if got := s.state(t); got.Phase != "ready" {
			t.Errorf("third phase = %q, want ready", got.Phase)
		}
		if got := s.next(t); got != "" {
			t.Errorf("after ready = %q, want the end", got)
		}
		synctest.Wait()
		if got := pages.StreamStats().Open; got != 0 {
			t.Errorf("open streams = %d, want 0", got)
		}
	})
}

func TestEventsEndWithTheStart(t *testing.T) {
	for _, phase := range []session.Phase{session.PhaseAsleep, session.PhaseReady, session.PhaseFailed, session.PhaseEnded} {
		synctest.Test(t, func(t *testing.T) {
			live := newLive("demo")
			live.SetBackend(session.Backend{Phase: phase, RetryAt: time.Now().Add(time.Second), Err: errors.New("secret")})
			s := open(t, serve(t, newPages(t, warming.Options{}), live))
			if got := s.state(t); got.Phase != string(phase) || got.RetryIn != 1000 {
				t.Errorf("state = %+v, want %s, to be tried again in 1000 ms", got, phase)
			}
			if got := s.next(t); got != "" {
				t.Errorf("after %s = %q, want the end", phase, got)
			}
		})
	}
}

func TestEventsComment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := newLive("demo")
		live.SetBackend(session.Backend{Phase: session.PhaseStarting})
		s := open(t, serve(t, newPages(t, warming.Options{}), live))
		s.state(t)
		began := time.Now()
		for i := range 4 {
			if got := s.next(t); !strings.HasPrefix(got, ":") {
				t.Fatalf("block = %q, want a comment", got)
			}
			if got, want := time.Since(began), time.Duration(i+1)*15*time.Second; got != want {
				t.Errorf("comment %d after %s, want %s", i, got, want)
			}
		}
	})
}

func TestEventsLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines atomic.Pointer[[]string]
		lines.Store(&[]string{"one"})
		live := newLive("demo")
		live.SetBackend(session.Backend{Phase: session.PhaseStarting, Log: func() []string { return *lines.Load() }})
		s := open(t, serve(t, newPages(t, warming.Options{}), live))
		if diff := cmp.Diff([]string{"one"}, s.state(t).Log); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		began := time.Now()
		go func() { // ten lines a second for two seconds
			for i := range 20 {
				time.Sleep(100 * time.Millisecond)
				more := append(slices.Clone(*lines.Load()), strconv.Itoa(i))
				lines.Store(&more)
			}
		}()
		logs := 0
		for {
			block := s.next(t)
			if strings.HasPrefix(block, ":") {
				break
			}
			if !strings.HasPrefix(block, "event: log\ndata: [") {
				t.Fatalf("block = %q, want a log", block)
			}
			if logs++; time.Since(began) != time.Duration(logs)*500*time.Millisecond {
				t.Errorf("log %d after %s, want one each 500 ms", logs, time.Since(began))
			}
		}
		if logs < 4 || logs > 5 {
			t.Errorf("%d logs, want 4 or 5 in 2 s and none after", logs)
		}
	})
}

func TestEventsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLive("a"), newLive("b")
		for _, l := range []*session.Live{a, b} {
			l.SetBackend(session.Backend{Phase: session.PhaseStarting})
		}
		pages := newPages(t, warming.Options{MaxStreams: 3, MaxStreamsPerSession: 2})
		ca, cb := serve(t, pages, a), serve(t, pages, b)
		refused := func(c *http.Client) {
			t.Helper()
			if s := open(t, c); s.res.StatusCode != 503 || s.res.Header.Get("Retry-After") != "5" {
				t.Errorf("stream over a bound = %d, Retry-After %q, want 503, 5", s.res.StatusCode, s.res.Header.Get("Retry-After"))
			}
		}
		first := open(t, ca)
		first.state(t)
		open(t, ca).state(t)
		refused(ca)
		open(t, cb).state(t)
		refused(cb)
		if got, want := pages.StreamStats(), (warming.StreamStats{Open: 3, Refused: 2}); got != want {
			t.Errorf("stats = %+v, want %+v", got, want)
		}
		first.cancel() // the client goes away
		synctest.Wait()
		if got := pages.StreamStats().Open; got != 2 {
			t.Errorf("open streams after one client has gone = %d, want 2", got)
		}
		open(t, cb).state(t)
	})
}

// A client that takes nothing off the wire holds its place for 10 s only.
func TestEventsSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := newLive("demo")
		live.SetBackend(session.Backend{Phase: session.PhaseStarting})
		pages := newPages(t, warming.Options{})
		s := open(t, serve(t, pages, live))
		s.state(t)
		// The transport reads ahead 4 KiB; more than that stays in the pipe.
		long := make([]string, 10)
		for i := range long {
			long[i] = strings.Repeat("x", 200)
		}
		for range 10 {
			live.SetBackend(session.Backend{Phase: session.PhaseStarting, Log: logOf(long...)})
			synctest.Wait()
		}
		time.Sleep(11 * time.Second)
		if got := pages.StreamStats().Open; got != 0 {
			t.Errorf("open streams = %d, want 0", got)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := newLive("demo")
		live.SetBackend(session.Backend{Phase: session.PhaseStarting})
		pages := newPages(t, warming.Options{})
		s := open(t, serve(t, pages, live))
		s.state(t)
		pages.Close()
		pages.Close()
		if got := s.next(t); got != "" {
			t.Errorf("after Close = %q, want the end", got)
		}
	})
}

func TestEventsRefuseOtherMethods(t *testing.T) {
	for _, method := range []string{"HEAD", "POST"} {
		w := httptest.NewRecorder()
		newPages(t, warming.Options{}).Events(w, get(t, method, "/"), newLive("demo"))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET" {
			t.Errorf("%s = %d, Allow %q, want 405, GET", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := newLive("demo")
		live.SetBackend(*starting())
		w := httptest.NewRecorder()
		newPages(t, warming.Options{}).Status(w, get(t, "GET", "/"), live)
		want := `{"phase":"starting","elapsed":3400,"steps":[{"phase":"asked","at":0},{"phase":"provisioning","at":300},` +
			`{"phase":"starting","at":1200}],"median":6000,"p90":9000,"log":["\u003e astro dev","ready in 900 ms"]}` + "\n"
		if got := w.Body.String(); got != want {
			t.Errorf("status = %s, want %s", got, want)
		}
		if w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("answer = %d %v", w.Code, w.Header())
		}
	})
}

func TestStatusOfASleepingSession(t *testing.T) {
	w := httptest.NewRecorder()
	newPages(t, warming.Options{}).Status(w, get(t, "GET", "/"), newLive("demo"))
	if got, want := w.Body.String(), `{"phase":"asleep","elapsed":0,"steps":[],"log":[]}`+"\n"; got != want {
		t.Errorf("status = %s, want %s", got, want)
	}
}
