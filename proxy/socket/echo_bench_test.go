package socket

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// BenchmarkEcho is one 1 KiB message to the upstream and back: through the hub,
// through a bare ReverseProxy, and without a proxy. Client and upstream run in
// the same process, so only the differences tell.
func BenchmarkEcho(b *testing.B) {
	up := httptest.NewServer(upstreamSocket(echo))
	b.Cleanup(up.Close)
	target, err := url.Parse(up.URL)
	if err != nil {
		b.Fatal(err)
	}
	bare := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	b.Cleanup(bare.Close)

	h := New(Options{})
	live := session.NewRegistry(session.Clocks{}).Acquire(&session.Session{ID: "s1", Status: session.Active})
	b.Cleanup(live.Release)
	live.SetBackend(session.Backend{Phase: session.PhaseReady, Target: session.Target{TaskID: "t", Addr: target.Host}})
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Serve(w, r, Request{Live: live, Upstream: func(t session.Target) (string, http.Header, error) {
			return "ws://" + t.Addr + "/", r.Header.Clone(), nil
		}})
	}))
	b.Cleanup(hub.Close)

	for _, way := range []struct {
		name   string
		server *httptest.Server
	}{{"hub", hub}, {"bare", bare}, {"direct", up}} {
		b.Run(way.name, func(b *testing.B) {
			c, _, err := websocket.DefaultDialer.DialContext(b.Context(),
				"ws"+strings.TrimPrefix(way.server.URL, "http"), http.Header{"Origin": {way.server.URL}})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			message := make([]byte, 1024)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.WriteMessage(websocket.BinaryMessage, message); err != nil {
					b.Fatal(err)
				}
				if _, _, err := c.ReadMessage(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
