package proxy

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// cannedTransport answers without a network, so that what is measured is ours.
type cannedTransport struct{ body string }

func (c cannedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {"application/octet-stream"}},
		ContentLength: int64(len(c.body)), Body: io.NopCloser(strings.NewReader(c.body)),
	}, nil
}

// discardWriter is a ResponseWriter that costs nothing.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *discardWriter) WriteHeader(int)             {}

func benchRequest(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header = http.Header{"Accept": {"*/*"}, "User-Agent": {chrome}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"script"}}
	return r
}

// BenchmarkForward compares the handler's own cost with that of a tuned bare
// httputil.ReverseProxy, without a network; test/bench does so with one.
func BenchmarkForward(b *testing.B) {
	transport := cannedTransport{body: strings.Repeat("x", 1024)}
	b.Run("bare", func(b *testing.B) {
		pool := &bufferPool{}
		proxy := &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(&url.URL{Scheme: "http", Host: upstreamAddr})
				r.SetXForwarded()
			},
			BufferPool: pool, Transport: transport,
		}
		run(b, proxy, "/src/a.js")
	})
	b.Run("warmgate", func(b *testing.B) {
		bed := newBenchBed(b)
		bed.live.SetBackend(session.Backend{Phase: session.PhaseReady, Target: session.Target{TaskID: "t", Addr: upstreamAddr}})
		h := bed.handler
		h.sendBy(transport)
		run(b, h, "/session/demo/src/a.js")
	})
	for name, action := range map[string]*route.Forward{"upstream": route.ForwardTo("http://a:1", "http://b:1"), "pool": hermes()} {
		b.Run(name, func(b *testing.B) {
			h := newBenchBed(b).handler
			table, err := route.NewTable([]route.Rule{{Default: true, Action: action}})
			if err != nil {
				b.Fatal(err)
			}
			if err := h.SetRoutes(table); err != nil {
				b.Fatal(err)
			}
			h.routing().transports[0] = transport
			rec := session.NewPoolRecord("hermes", time.Now())
			h.sessions = poolOnly{rec}
			l := h.registry.Acquire(&rec)
			b.Cleanup(l.Release)
			l.SetBackend(session.Backend{Phase: session.PhaseReady, Target: session.Target{TaskID: "t", Addr: upstreamAddr}})
			run(b, h, "/hermes/a.js")
		})
	}
}

// poolOnly has one pool's record, and finds it for nothing.
type poolOnly struct{ record session.Session }

func (poolOnly) Lookup(context.Context, session.ID) (session.Session, error) {
	return session.Session{}, session.ErrNotFound
}

func (p poolOnly) Pool(context.Context, session.ID) (session.Session, error) { return p.record, nil }

func run(b *testing.B, h http.Handler, path string) {
	b.ReportAllocs()
	r := benchRequest(path)
	w := &discardWriter{header: http.Header{}}
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}
