package socket

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/session"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// rig is a hub between real clients and a real upstream, over loopback.
type rig struct {
	t        testing.TB
	hub      *Hub
	registry *prometheus.Registry
	live     *session.Live
	proxy    *httptest.Server
	outcomes chan Outcome
	suspects chan session.Target

	// request is what Serve gets; a test may change it before it dials.
	request Request
	// upstreamErr is what Request.Upstream says.
	upstreamErr error

	mu      sync.Mutex
	touched []session.ActivityKind
}

// newRig starts a hub with the options; the session is asleep.
func newRig(t testing.TB, o Options) *rig {
	t.Helper()
	r := &rig{
		t: t, registry: prometheus.NewRegistry(),
		outcomes: make(chan Outcome, 5000), suspects: make(chan session.Target, 5000),
	}
	o.Registerer = r.registry
	o.Touch = func(_ *session.Live, k session.ActivityKind) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.touched = append(r.touched, k)
	}
	o.Suspect = func(_ *session.Live, target session.Target) { r.suspects <- target }
	r.hub = New(o)
	r.live = session.NewRegistry(session.Clocks{}).Acquire(&session.Session{ID: "s1", Status: session.Inactive})
	r.request = Request{Live: r.live, Done: func(o Outcome) { r.outcomes <- o }}
	r.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		request := r.request
		request.Upstream = func(t session.Target) (string, http.Header, error) {
			header := req.Header.Clone()
			header.Set("Host", req.Host)
			return "ws://" + t.Addr + "/?token=T", header, r.upstreamErr
		}
		r.hub.Serve(w, req, request)
	}))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = r.hub.Drain(ctx)
		r.proxy.Close()
		if n := r.live.Sockets().Value(); n != 0 {
			t.Errorf("Sockets() = %d after the drain, want 0", n)
		}
		if n := r.live.Parked().Value(); n != 0 {
			t.Errorf("Parked() = %d after the drain, want 0", n)
		}
		r.live.Release()
	})
	return r
}

// serve starts an upstream and makes the session ready on it, as the named task.
func (r *rig) serve(task string, h http.HandlerFunc) *httptest.Server {
	r.t.Helper()
	up := httptest.NewServer(h)
	r.t.Cleanup(up.Close)
	r.ready(task, up)
	return up
}

func (r *rig) ready(task string, up *httptest.Server) {
	r.live.SetBackend(session.Backend{Phase: session.PhaseReady, Target: target(task, up)})
}

func (r *rig) phase(p session.Phase) { r.live.SetBackend(session.Backend{Phase: p}) }

func target(task string, up *httptest.Server) session.Target {
	return session.Target{TaskID: task, Addr: up.Listener.Addr().String()}
}

// handshake asks for a socket; header fields are "Name: value".
func (r *rig) handshake(protocol string, fields ...string) (*websocket.Conn, *http.Response, error) {
	header := http.Header{"Origin": {r.proxy.URL}}
	if protocol != "" {
		header.Set("Sec-Websocket-Protocol", protocol)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		header.Set(name, value)
		if value == "" {
			header.Del(name)
		}
	}
	return websocket.DefaultDialer.DialContext(r.t.Context(), "ws"+strings.TrimPrefix(r.proxy.URL, "http"), header)
}

// dial opens a socket or fails the test.
func (r *rig) dial(protocol string) *websocket.Conn {
	r.t.Helper()
	c, resp, err := r.handshake(protocol)
	if err != nil {
		r.t.Fatalf("handshake: %v (response %v)", err, resp)
	}
	r.t.Cleanup(func() { c.Close() })
	if c.Subprotocol() != protocol {
		r.t.Errorf("Subprotocol() = %q, want %q", c.Subprotocol(), protocol)
	}
	return c
}

// refused asks for a socket and returns the status that it is refused with.
func (r *rig) refused(protocol string, fields ...string) *http.Response {
	r.t.Helper()
	c, resp, err := r.handshake(protocol, fields...)
	if err == nil {
		c.Close()
		r.t.Fatalf("handshake with %q succeeded, want a refusal", protocol)
	}
	if resp == nil {
		r.t.Fatalf("handshake: %v, want an HTTP answer", err)
	}
	return resp
}

// onlySocket returns the one socket that is open.
func (r *rig) onlySocket() *socket {
	r.t.Helper()
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if len(r.hub.sockets) != 1 {
		r.t.Fatalf("%d sockets are open, want 1", len(r.hub.sockets))
	}
	for s := range r.hub.sockets {
		return s
	}
	panic("unreachable")
}

// outcome returns the next one.
func (r *rig) outcome() Outcome {
	r.t.Helper()
	return receive(r.t, r.outcomes, "an outcome")
}

// activity returns the kinds reported so far, presence left out.
func (r *rig) activity() []session.ActivityKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.touched), func(k session.ActivityKind) bool { return k == session.Presence })
}

// upstreamSocket is an upstream that takes the offered subprotocol and runs f;
// the connection is closed after it.
func upstreamSocket(f func(*websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		u := websocket.Upgrader{
			CheckOrigin:       func(*http.Request) bool { return true },
			EnableCompression: true,
		}
		if p := websocket.Subprotocols(req); len(p) > 0 {
			u.Subprotocols = p[:1]
		}
		c, err := u.Upgrade(w, req, nil)
		if err != nil {
			return
		}
		defer c.Close()
		f(c)
	}
}

// echo sends every message back until the peer is gone.
func echo(c *websocket.Conn) {
	for {
		k, p, err := c.ReadMessage()
		if err != nil || c.WriteMessage(k, p) != nil {
			return
		}
	}
}

// devServer greets like Vite, hands out its side of the socket and reads.
func devServer(conns chan<- *websocket.Conn, got chan<- string) http.HandlerFunc {
	return upstreamSocket(func(c *websocket.Conn) {
		if c.WriteMessage(websocket.TextMessage, viteConnected) != nil {
			return
		}
		conns <- c
		for {
			_, p, err := c.ReadMessage()
			if err != nil {
				return
			}
			got <- string(p)
		}
	})
}

func receive[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
		panic("unreachable")
	}
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// next returns the next message as text, or fails the test.
func next(t testing.TB, c *websocket.Conn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, p, err := c.ReadMessage()
	if err != nil {
		t.Fatalf("ReadMessage: %v", err)
	}
	return string(p)
}

// closeCode reads until the connection ends and returns the code, with the
// messages seen before. It may run on any goroutine.
func closeCode(t testing.TB, c *websocket.Conn) (code int, text string, before []string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for {
		_, p, err := c.ReadMessage()
		if err == nil {
			before = append(before, string(p))
			continue
		}
		if isTimeout(err) {
			t.Errorf("the socket was not closed within %s; messages %q", patience, before)
		}
		payload, code, clean := closeFrame(err)
		if clean && len(payload) > 2 {
			text = string(payload[2:])
		}
		return code, text, before
	}
}

func write(t testing.TB, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatalf("WriteMessage: %v", err)
	}
}
