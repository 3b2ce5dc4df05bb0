package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/proxy/accesslog"
	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/socket"
	"github.com/webordinary/warmgate/proxy/upstream"
	"github.com/webordinary/warmgate/proxy/warming"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/pooled"
	"github.com/webordinary/warmgate/session/storetest"
)

// network is a set of in-memory listeners by address, for synctest bubbles.
type network struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
}

func (n *network) listen(addr string) *pipeListener {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = map[string]*pipeListener{}
	}
	l := &pipeListener{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[addr] = l
	return l
}

func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	if l == nil {
		return nil, refused
	}
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.done:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeListener struct {
	addr  string
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr(l.addr) }

type pipeAddr string

func (a pipeAddr) Network() string { return "pipe" }
func (a pipeAddr) String() string  { return string(a) }

// backends is a scripted session.Backends: a wake starts something that is ready
// after delay, or fails then.
type backends struct {
	wakes, suspected atomic.Int64
	delay            time.Duration
	err              error // of Wake
	failure          error // of the start
	target           session.Target
	running          sync.WaitGroup

	mu   sync.Mutex
	held []*session.Live // as the scaler holds what it started
	last session.Wake
}

func (b *backends) Wake(_ context.Context, l *session.Live, w session.Wake) error {
	b.wakes.Add(1)
	b.mu.Lock()
	b.last = w
	b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	now := time.Now()
	l.SetBackend(session.Backend{Phase: session.PhaseAsked, Began: now, Steps: []session.Step{{Phase: session.PhaseAsked, At: now}}})
	b.mu.Lock()
	b.held = append(b.held, l.Retain())
	b.mu.Unlock()
	b.running.Go(func() {
		time.Sleep(b.delay)
		if b.failure != nil {
			l.SetBackend(session.Backend{Phase: session.PhaseFailed, Err: b.failure, RetryAt: time.Now().Add(time.Minute)})
			return
		}
		l.SetBackend(session.Backend{Phase: session.PhaseReady, Target: b.target})
	})
	return nil
}

func (b *backends) Release(*session.Live) {}

func (b *backends) Suspect(l *session.Live, _ session.Target) {
	b.suspected.Add(1)
	l.SetBackend(session.Backend{Phase: session.PhaseAsleep})
}

// touches records activity.
type touches struct {
	mu   sync.Mutex
	seen []session.ActivityKind
}

func (t *touches) Touch(l *session.Live, a session.Activity) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = append(t.seen, a.Kind)
	l.Touch(a)
}

func (t *touches) Flush(context.Context, *session.Live) error { return nil }

func (t *touches) kinds() []session.ActivityKind {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]session.ActivityKind(nil), t.seen...)
}

// bed is a Handler with everything around it, served in memory.
type bed struct {
	t        *testing.T
	network  *network
	store    *storetest.Memory
	registry *session.Registry
	backends *backends
	touches  *touches
	handler  *Handler
	client   *http.Client
	// accessLog writes to log, at the end of the test unless it is run.
	accessLog *accesslog.Logger
	log       lockedBuffer
}

// lockedBuffer can be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

const upstreamAddr = "127.0.0.1:4321"

// sessionRule is the rule most tests use.
func sessionRule(s route.Session) route.Rule {
	s.Pool, s.AllowGuessable = "edit", true
	return route.Rule{Priority: 15, Conditions: route.Conditions{Path: route.Patterns{Values: []string{"/session/*"}}}, Action: &s}
}

// newBed must be called inside a bubble; the session "demo" exists and sleeps.
func newBed(t *testing.T, site http.Handler, change func(*Options)) *bed {
	t.Helper()
	b := &bed{
		t: t, network: &network{}, store: storetest.NewMemory(), touches: &touches{},
		registry: session.NewRegistry(session.Clocks{}),
		backends: &backends{target: session.Target{TaskID: "task-1", Addr: upstreamAddr}},
	}
	b.addSession("demo", session.Inactive)
	manager := session.NewManager(session.ManagerOptions{
		Store: pooled.New(b.store, b.store, func() []string { return nil }), Registry: b.registry,
		Extender: b.touches, Backends: b.backends, Pool: "edit",
	})
	look, err := page.New(page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.accessLog, err = accesslog.New(&b.log, accesslog.Options{FlushInterval: 50 * time.Millisecond}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	table, err := route.NewTable([]route.Rule{
		sessionRule(route.Session{}),
		{Default: true, Action: &route.FixedResponse{StatusCode: 404, Body: "no such place"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Routes: table, Sessions: manager, Registry: b.registry, Backends: b.backends, Toucher: b.touches,
		Pages: warming.New(look, warming.Options{}), Problems: problem.NewPages(look), Sockets: socket.New(socket.Options{Dial: b.network.dial, Refuse: RefuseUpgrade}),
		AccessLog: b.accessLog, Transport: upstream.Options{Dial: b.network.dial},
	}
	if change != nil {
		change(&o)
	}
	if b.handler, err = New(o); err != nil {
		t.Fatal(err)
	}
	b.serve("warmgate:80", b.handler)
	if site != nil {
		b.serve(upstreamAddr, site)
	}
	transport := &http.Transport{DialContext: b.network.dial, MaxIdleConnsPerHost: 2000, DisableCompression: true}
	b.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		b.handler.Close()
		b.backends.running.Wait()
		for _, l := range b.backends.held {
			l.Release()
		}
		if err := b.accessLog.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// serve serves h in memory until the test ends.
func (b *bed) serve(addr string, h http.Handler) (stop func()) {
	ln := b.network.listen(addr)
	srv := &http.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	stop = func() {
		_ = srv.Close()
		wg.Wait()
	}
	b.t.Cleanup(stop)
	return stop
}

func (b *bed) addSession(id session.ID, status session.Status) session.Session {
	now := time.Now()
	s := session.Session{
		ID: id, ClientID: "client", Status: status, Pool: "edit", CreatedAt: now, ExpiresAt: now.Add(30 * time.Minute),
		LastActivity: session.Activity{At: now, Kind: session.Management}, LastHuman: now, LastVisit: now, Generation: 1,
	}
	if err := b.store.Create(b.t.Context(), s); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// ready makes the session "demo" answer at once, for as long as the test runs.
func (b *bed) ready() *session.Live {
	s, err := b.store.Session(b.t.Context(), "demo")
	if err != nil {
		b.t.Fatal(err)
	}
	l := b.registry.Acquire(&s)
	l.SetBackend(session.Backend{Phase: session.PhaseReady, Target: b.backends.target})
	b.t.Cleanup(l.Release)
	return l
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	body  string
	after time.Duration
	err   error
}

var navigation = map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none", "Accept": acceptBrowser}

var moduleScript = map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "script", "Sec-Fetch-Site": "same-origin", "Accept": "*/*"}

func (b *bed) do(ctx context.Context, method, target string, header map[string]string, body io.Reader) reply {
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, method, "http://warmgate"+target, body)
	if err != nil {
		return reply{err: err}
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := b.client.Do(req)
	if err != nil {
		return reply{err: err, after: time.Since(began)}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return reply{Response: res, body: string(text), after: time.Since(began), err: err}
}

func (b *bed) get(target string, header map[string]string) reply {
	b.t.Helper()
	r := b.do(b.t.Context(), http.MethodGet, target, header, nil)
	if r.err != nil {
		b.t.Fatalf("GET %s: %v", target, r.err)
	}
	return r
}

// sendBy has all requests to upstreams go by the transport.
func (h *Handler) sendBy(t http.RoundTripper) {
	routing := h.table.Load()
	for i := range routing.transports {
		routing.transports[i] = t
	}
}

// bubble runs f in a synctest bubble with its cleanups.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// echo answers with what the upstream saw.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, r.Method+" "+r.RequestURI+" "+strings.TrimSpace(string(body)))
})
