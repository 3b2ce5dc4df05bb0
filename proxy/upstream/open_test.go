package upstream

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCut: connections in use and unused ones are closed, those to other addresses
// are not, and new ones can be made.
func TestCut(t *testing.T) {
	release := make(chan struct{})
	site := func() *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			if r.URL.Path == "/wait" {
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}
			_, _ = io.WriteString(w, "end")
		}))
		t.Cleanup(s.Close)
		return s
	}
	cut, other := site(), site()
	transport := New(Options{})
	t.Cleanup(transport.CloseIdleConnections)
	begin := func(method, url string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodGet {
			req.Body, req.ContentLength = http.NoBody, 0
		}
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s %s: %v", method, url, err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	plain, general := begin(http.MethodGet, cut.URL+"/wait"), begin(http.MethodPost, cut.URL+"/wait")
	elsewhere := begin(http.MethodGet, other.URL+"/wait")
	transport.Cut(strings.TrimPrefix(cut.URL, "http://"))
	for name, res := range map[string]*http.Response{"plain": plain, "general": general} {
		if text, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%s answer = %q, want it broken off", name, text)
		}
	}
	close(release)
	if text, err := io.ReadAll(elsewhere.Body); err != nil || string(text) != "end" {
		t.Errorf("the other address answers %q, %v", text, err)
	}
	if text, err := io.ReadAll(begin(http.MethodGet, cut.URL+"/").Body); err != nil || string(text) != "end" {
		t.Errorf("a new request is answered %q, %v", text, err)
	}
}

// TestClosedConnectionsAreForgotten: nothing is kept of what is closed.
func TestClosedConnectionsAreForgotten(t *testing.T) {
	var open openConns
	here, there := net.Pipe()
	c := open.add("a:1", here)
	go func() { _, _ = io.WriteString(there, "x") }()
	if b, err := bufio.NewReader(c).ReadByte(); err != nil || b != 'x' {
		t.Errorf("read %q, %v", b, err)
	}
	for range 2 {
		_ = c.Close()
	}
	if len(open.conns) != 0 {
		t.Errorf("%d addresses are kept after the last connection was closed", len(open.conns))
	}
}
