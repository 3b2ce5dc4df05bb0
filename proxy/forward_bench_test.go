package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

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
}

func run(b *testing.B, h http.Handler, path string) {
	b.ReportAllocs()
	r := benchRequest(path)
	w := &discardWriter{header: http.Header{}}
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}
