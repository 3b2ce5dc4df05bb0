package proxy

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// rulesBed is a bed whose table is rules; the address api:80 is served by site, too.
func rulesBed(t *testing.T, site http.Handler, rules ...route.Rule) *bed {
	t.Helper()
	table, err := route.NewTable(rules)
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, site, func(o *Options) { o.Routes = table })
	if site != nil {
		b.serve("api:80", site)
	}
	return b
}

func rule(priority int, path string, action route.Action) route.Rule {
	return route.Rule{Priority: priority, Conditions: route.Conditions{Path: route.Patterns{Values: []string{path}}}, Action: action}
}

var toAPI = route.ForwardTo("http://api:80")

// seen answers with what the upstream is asked for.
var seen = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Host+" "+r.RequestURI)
})

func TestRewrites(t *testing.T) {
	path := func(regex, replace string) route.Rewrite {
		return route.Rewrite{Path: route.Replacement{Regex: regex, Replace: replace}}
	}
	host := route.Rewrite{Host: route.Replacement{Regex: "^warm(.*)$", Replace: "cold$1.internal"}}
	forward := rule(1, "/old/*", toAPI)
	forward.Rewrite = path("^/old/(.*)$", "/new/$1")
	bad := rule(2, "/bad*", toAPI)
	bad.Rewrite = path("^/bad", "")
	named := rule(3, "/named/*", toAPI)
	named.Rewrite = host
	redirect := rule(4, "/gone/*", &route.Redirect{Host: "elsewhere.example"})
	redirect.Rewrite = path("^/gone/", "/found/")
	site := sessionRule(route.Session{})
	site.Rewrite = path("^/(en|de)/(.*)$", "/$2")
	site.Rewrite.Host = host.Host
	kept := rule(16, "/kept/*", &route.Session{Pool: "edit", Prefix: route.PrefixKeep, AllowGuessable: true})
	kept.Rewrite = path("^/kept/demo/", "/session/demo/")
	for _, tt := range []struct {
		target string
		status int
		want   string // body, or Location
	}{
		{"/old/a%2Fb?q=%zz;x", 200, "warmgate /new/a%2Fb?q=%zz;x"},
		{"/bad", 500, ""},
		{"/bad../x", 500, ""},
		{"/bad/..x", 200, "warmgate /..x"},
		{"/named/x", 200, "coldgate.internal /named/x"},
		{"/gone/a?q", 302, "http://elsewhere.example/found/a?q"},
		{"/session/demo/de/page?x=1", 200, "coldgate.internal /page?x=1"},
		{"/session/demo/page", 200, "coldgate.internal /page"},
		{"/kept/demo/page", 200, upstreamAddr + " /session/demo/page"},
	} {
		bubble(t, func(t *testing.T) {
			b := rulesBed(t, seen, forward, bad, named, redirect, site, kept)
			b.ready()
			got := b.get(tt.target, nil)
			if text := got.body + got.Header.Get("Location"); got.StatusCode != tt.status || tt.want != "" && text != tt.want {
				t.Errorf("%s = %d %q, want %d %q", tt.target, got.StatusCode, text, tt.status, tt.want)
			}
		})
	}
}

// TestRewrittenFolder: a redirect to a folder stays below what the client asked for.
func TestRewrittenFolder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "guide"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "guide", "index.html"), []byte("guide"), 0o600); err != nil {
			t.Fatal(err)
		}
		docs := rule(1, "/docs/*", &route.Static{Dir: dir})
		docs.Rewrite.Path = route.Replacement{Regex: "^/docs/", Replace: "/"}
		other := rule(2, "//*", &route.Static{Dir: dir})
		other.Rewrite.Path = route.Replacement{Regex: "^//[^/]*/(.*[^/])/*$", Replace: "/$1"}
		b := rulesBed(t, nil, docs, other)
		for target, want := range map[string]string{
			"/docs/guide?x=1": "/docs/guide/?x=1", "/docs/guide/": "guide", "//evil.example/guide": "/evil.example/guide/",
			"//evil.example/guide/": "not found\n",
		} {
			res, body, _ := b.raw("GET", "GET "+target+" HTTP/1.1\r\nHost: warmgate\r\nConnection: close\r\n\r\n")
			if got := res.Header.Get("Location") + body; got != want {
				t.Errorf("%s = %d %q, want %q", target, res.StatusCode, got, want)
			}
		}
	})
}

// TestRewriteMeetsDotSegments: a client cannot have a rewrite make dot segments.
func TestRewriteMeetsDotSegments(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := rule(1, "/x*", toAPI)
		r.Rewrite.Path = route.Replacement{Regex: "^/x(.*)$", Replace: "/$1"}
		b := rulesBed(t, seen, r)
		for _, target := range []string{"/x../secret", "/x%2e%2e/secret", "/x..%2fsecret"} {
			if res, _, _ := b.raw("GET", "GET "+target+" HTTP/1.1\r\nHost: warmgate\r\n\r\n"); res.StatusCode != 400 {
				t.Errorf("%s = %d, want 400", target, res.StatusCode)
			}
		}
	})
}

// TestRewrittenHost: Origin and Referer of this host become the asked one's, and a
// redirect to that one stays here.
func TestRewrittenHost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := rule(1, "/*", toAPI)
		r.Rewrite.Host = route.Replacement{Regex: "^warmgate$", Replace: "inner.example"}
		var origin string
		b := rulesBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			origin = r.Header.Get("Origin")
			w.Header().Set("Location", "http://inner.example/next")
			w.WriteHeader(http.StatusFound)
		}), r)
		got := b.get("/x", map[string]string{"Origin": "http://warmgate"})
		if origin != "http://inner.example" || got.Header.Get("Location") != "/next" {
			t.Errorf("Origin = %s, Location = %s", origin, got.Header.Get("Location"))
		}
	})
}

func TestAnswerHeaders(t *testing.T) {
	edits := route.ResponseHeaders{
		Set:    map[string]string{"X-Tag": "edit", "Content-Security-Policy": "script-src 'self'", "Cache-Control": "no-cache"},
		Remove: []string{"Server", "X-Powered-By"},
	}
	with := func(r route.Rule) route.Rule {
		r.ResponseHeaders = edits
		return r
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Server", "astro")
		h.Set("X-Powered-By", "vite")
		h.Set("Cache-Control", "max-age=60")
		h.Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><html><head></head><p>site</html>")
	})
	bubble(t, func(t *testing.T) {
		b := rulesBed(t, site,
			with(rule(1, "/api/*", toAPI)),
			with(rule(2, "/fixed", &route.FixedResponse{StatusCode: 200, Body: "x"})),
			with(rule(3, "/moved", &route.Redirect{Path: "/there"})),
			with(rule(4, "/down/*", route.ForwardTo("http://nobody:80"))),
			with(rule(5, "/files/*", &route.Static{Dir: t.TempDir()})),
			with(sessionRule(route.Session{})))
		check := func(target, cacheControl string) reply {
			t.Helper()
			got := b.get(target, navigation)
			h := got.Header
			if h.Get("X-Tag") != "edit" || len(h["Cache-Control"]) != 1 || h.Get("Cache-Control") != cacheControl ||
				h.Get("Server") != "" || h.Get("X-Powered-By") != "" {
				t.Errorf("%s: header = %v", target, h)
			}
			return got
		}
		check("/api/x", "no-cache")
		check("/fixed", "no-cache")
		check("/moved", "no-cache")
		check("/files/none", "no-cache")
		check("/down/x", "no-store")
		b.backends.delay = time.Hour // the warming page keeps its own policy
		got := check("/session/demo/", "no-store")
		if csp := got.Header.Get("Content-Security-Policy"); got.StatusCode != 503 || csp == "script-src 'self'" {
			t.Errorf("warming page = %d, policy %s", got.StatusCode, csp)
		}
	})
	bubble(t, func(t *testing.T) {
		b := rulesBed(t, site, with(sessionRule(route.Session{})))
		b.ready()
		got := b.get("/session/demo/", navigation)
		csp := got.Header["Content-Security-Policy"]
		if len(csp) != 1 || !strings.Contains(csp[0], "'sha256-") || got.Header.Get("Cache-Control") != "no-cache" || got.Header.Get("Server") != "" {
			t.Errorf("path mode did not see the rule's policy: %v", got.Header)
		}
	})
}

func TestBodyLimit(t *testing.T) {
	limited := sessionRule(route.Session{})
	limited.Limits.BodyBytes = 10
	bubble(t, func(t *testing.T) {
		b := rulesBed(t, echo, limited)
		for _, tt := range []struct {
			body   io.Reader
			status int
		}{
			{strings.NewReader("0123456789"), 200},
			{strings.NewReader("0123456789x"), 413},
			{io.MultiReader(strings.NewReader("0123456789")), 200}, // chunked
			{io.MultiReader(strings.NewReader("01234"), strings.NewReader("56789x")), 413},
			{nil, 200},
		} {
			if tt.status == 200 {
				b.ready()
			}
			got := b.do(t.Context(), http.MethodPost, "/session/demo/x", moduleScript, tt.body)
			if got.err != nil || got.StatusCode != tt.status {
				t.Errorf("POST = %+v, want %d", got, tt.status)
			}
		}
	})
	bubble(t, func(t *testing.T) {
		b := rulesBed(t, echo, limited)
		got := b.do(t.Context(), http.MethodPost, "/session/demo/x", moduleScript, strings.NewReader("0123456789x"))
		if got.err != nil || got.StatusCode != 413 || b.backends.wakes.Load() != 0 {
			t.Errorf("POST to a sleeping session = %+v, %d wakes, want 413 and none", got, b.backends.wakes.Load())
		}
	})
}

// TestAnswerHeadersStayTheRules: path mode edits the answer's copy alone.
func TestAnswerHeadersStayTheRules(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := sessionRule(route.Session{})
		r.ResponseHeaders.Set = map[string]string{"Link": "</a.css>; rel=preload", "Content-Security-Policy": "script-src 'self'"}
		b := rulesBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<!doctype html><html><head></head><p>site</html>")
		}), r)
		b.ready()
		other := b.addSession("other", session.Active)
		l := b.registry.Acquire(&other)
		defer l.Release()
		l.SetBackend(session.Backend{Phase: session.PhaseReady, Target: b.backends.target})
		first := b.get("/session/demo/", navigation).Header.Get("Content-Security-Policy")
		second := b.get("/session/other/", navigation).Header
		if got := second.Get("Link"); got != "</session/other/a.css>; rel=preload" {
			t.Errorf("Link of another session = %s", got)
		}
		if got := b.get("/session/demo/", navigation).Header.Get("Content-Security-Policy"); got != first {
			t.Errorf("the policy grows from %q to %q", first, got)
		}
	})
}

func TestRuleTimeouts(t *testing.T) {
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(20 * time.Second):
			_, _ = io.WriteString(w, "late")
		case <-r.Context().Done():
		}
	})
	patient := sessionRule(route.Session{})
	patient.Limits = route.Limits{HoldTimeout: 3 * time.Second, PageGrace: 2 * time.Second}
	hasty := rule(1, "/hasty/*", toAPI)
	hasty.Limits.ResponseTimeout = 5 * time.Second
	for _, tt := range []struct {
		method, target string
		header         map[string]string
		status         int
		after          time.Duration
	}{
		{"GET", "/hasty/x", nil, 504, 5 * time.Second},
		{"POST", "/hasty/x", nil, 504, 5 * time.Second},
		{"GET", "/easy/x", nil, 200, 20 * time.Second},
		{"GET", "/session/demo/x", moduleScript, 503, 3 * time.Second},
		{"GET", "/session/demo/", navigation, 503, 2 * time.Second},
	} {
		bubble(t, func(t *testing.T) {
			b := rulesBed(t, slow, hasty, rule(2, "/easy/*", toAPI), patient)
			b.backends.delay = time.Minute
			var body io.Reader
			if tt.method == http.MethodPost {
				body = strings.NewReader("x")
			}
			got := b.do(context.Background(), tt.method, tt.target, tt.header, body)
			if got.err != nil || got.StatusCode != tt.status || got.after != tt.after {
				t.Errorf("%s %s = %d after %s (%v), want %d after %s", tt.method, tt.target, got.StatusCode, got.after, got.err, tt.status, tt.after)
			}
		})
	}
}
