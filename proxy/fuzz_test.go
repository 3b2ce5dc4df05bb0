package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/webordinary/warmgate/proxy/accesslog"
	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/socket"
	"github.com/webordinary/warmgate/proxy/warming"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// sites answers for all targets and notes which of them was asked, for what.
type sites struct {
	addr, path, host string
}

func (s *sites) RoundTrip(r *http.Request) (*http.Response, error) {
	s.addr, s.path, s.host = r.URL.Host, r.URL.EscapedPath(), r.Host
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return cannedTransport{body: "<!doctype html><a href=/x>"}.RoundTrip(r)
}

// fuzzHandler serves the sessions a and b, each ready at an address of its own.
func fuzzHandler(f *testing.F) (h *Handler, asked *sites) {
	f.Helper()
	store, registry, touches := storetest.NewMemory(), session.NewRegistry(session.Clocks{}), &touches{}
	for id, addr := range map[session.ID]string{"a": "site-a:1", "b": "site-b:1"} {
		now := time.Now()
		s := session.Session{ID: id, ClientID: "c", Status: session.Active, Pool: "edit", ExpiresAt: now.Add(24 * time.Hour), LastHuman: now}
		if err := store.Create(f.Context(), s); err != nil {
			f.Fatal(err)
		}
		l := registry.Acquire(&s)
		l.SetBackend(session.Backend{Phase: session.PhaseReady, Target: session.Target{TaskID: addr, Addr: addr}})
		f.Cleanup(l.Release)
	}
	look, err := page.New(page.Options{})
	if err != nil {
		f.Fatal(err)
	}
	log, err := accesslog.New(io.Discard, accesslog.Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	path := func(pattern string) route.Conditions {
		return route.Conditions{Path: route.Patterns{Values: []string{pattern}}}
	}
	table, err := route.NewTable([]route.Rule{
		sessionRule(route.Session{}),
		{Priority: 100, Conditions: path("/api/*"), Action: route.ForwardTo("http://api:1")},
		{Priority: 101, Conditions: path("/old/*"), Action: &route.Redirect{Host: "new.example.com", Path: "/new/#{path}"}},
		{Priority: 102, Conditions: path("/hint/*"), Action: &route.Session{Pool: "edit", ID: []route.IDSource{"header:X-Session-ID", route.SourceHint}, AllowGuessable: true}},
		{
			Priority: 103, Conditions: path("/moved/*"), Action: route.ForwardTo("http://api:1"),
			Rewrite: route.Rewrite{
				Path: route.Replacement{Regex: "^/moved/([^/]*)", Replace: "/to/$1"},
				Host: route.Replacement{Regex: `^a\.`, Replace: "b."},
			},
		},
		{Default: true, Action: &route.FixedResponse{StatusCode: 404}},
	})
	if err != nil {
		f.Fatal(err)
	}
	h, err = New(Options{
		Routes: table, Registry: registry, Backends: &backends{err: errors.New("not asked for")}, Toucher: touches, AccessLog: log,
		Sessions: session.NewManager(session.ManagerOptions{Store: store, Registry: registry, Extender: touches, Backends: &backends{}}),
		Pages:    warming.New(look, warming.Options{}), Problems: problem.NewPages(look), Sockets: socket.New(socket.Options{}),
	})
	if err != nil {
		f.Fatal(err)
	}
	asked = &sites{}
	h.sendBy(asked)
	return h, asked
}

// FuzzChain gives the handler whatever net/http lets through: nothing panics, no
// answer is an error of our own, and no request reaches a session that its path
// does not name, or takes more of its path along than lies below the prefix.
func FuzzChain(f *testing.F) {
	for _, head := range []string{
		"GET /session/a/ HTTP/1.1\r\nHost: w",
		"POST /session/a/x?y HTTP/1.1\r\nHost: w\r\nContent-Length: 5",
		"POST /session/b/x HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked",
		"GET /session/a/../b/x HTTP/1.1\r\nHost: w",
		"GET /session/a%2f..%2fb/x HTTP/1.1\r\nHost: w",
		"GET //session/a/x HTTP/1.1\r\nHost: w",
		"GET http://w/session/b/x HTTP/1.1\r\nHost: v\r\nReferer: http://w/session/a/",
		"GET /x HTTP/1.1\r\nHost: w\r\nReferer: http://w/session/a/y\r\nCookie: session=b",
		"GET /session/a/.warmgate/status HTTP/1.1\r\nHost: w",
		"POST /session/a/.warmgate/wake HTTP/1.1\r\nHost: w\r\nContent-Length: 5",
		"GET /session/a/x HTTP/1.1\r\nHost: w\r\nX-Forwarded-For: 1.1.1.1, [::1]:2\r\nOrigin: null\r\nRange: bytes=0-1",
		"OPTIONS /session/b/x HTTP/1.0\r\nX-Forwarded-Host: \xff",
		"GET /api//a%2Fb;c=%3A?q=%3A;z HTTP/1.1\r\nHost: w",
		"GET /old/a%2Fb?q=1 HTTP/1.1\r\nHost: w:8080",
		"GET /session/a HTTP/1.1\r\nHost: w",
		"GET /hint/x HTTP/1.1\r\nHost: w\r\nX-Session-ID: b",
		"GET /hint/x HTTP/1.1\r\nHost: w\r\nReferer: http://w/session/a/",
		"GET /session/a/@fs/x!$&'()*+,;=:@-._~ HTTP/1.1\r\nHost: w", // RFC 3986 3.3, pchar
		"GET /moved/a%2Fb//c HTTP/1.1\r\nHost: a.example.com:8080",
	} {
		f.Add(head, "5\r\nhello\r\n0\r\n\r\n")
	}
	h, asked := fuzzHandler(f)
	f.Fuzz(func(t *testing.T, head, body string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\r\n\r\n" + body)))
		if err != nil || isUpgrade(r) {
			return // sockets have tests of their own
		}
		r.RemoteAddr = "192.0.2.1:1"
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // an event stream does not end
		defer cancel()
		*asked = sites{}
		path := r.URL.EscapedPath()
		said := h.Explain(r)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(ctx))
		checkExplained(t, said, w, asked)
		if w.Code >= 500 && w.Code != 502 && w.Code != 503 && w.Code != 504 {
			t.Errorf("answer = %d %s", w.Code, w.Body)
		}
		want := map[string]string{"site-a:1": "/session/a", "site-b:1": "/session/b"}[asked.addr] + asked.path
		if asked.addr != "" && path != want && said.Rule != "102" && said.Rule != "103" {
			t.Errorf("%q went to %s as %q", path, asked.addr, asked.path)
		}
	})
}

// checkExplained: what Explain says is what happens.
func checkExplained(t *testing.T, said Explanation, w *httptest.ResponseRecorder, asked *sites) {
	t.Helper()
	a := said.Action
	if asked.addr != "" && (asked.path != a.Path || a.Host != "" && asked.host != a.Host) {
		t.Errorf("Explain says that %q of %q is asked for, but %q of %q was: %+v", a.Path, a.Host, asked.path, asked.host, said)
	}
	if a.Status != 0 && (w.Code != a.Status || w.Header().Get("Location") != a.Location || asked.addr != "") {
		t.Errorf("Explain says %d %q, but the answer was %d %q: %+v", a.Status, a.Location, w.Code, w.Header().Get("Location"), said)
	}
}
