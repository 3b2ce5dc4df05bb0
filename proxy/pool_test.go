package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/pooled"
	"github.com/webordinary/warmgate/session/storetest"
)

// hermes forwards to the pool of that name.
func hermes() *route.Forward {
	return &route.Forward{Groups: []route.ForwardGroup{{Pool: "hermes", Weight: 1}}}
}

// poolBed serves /hermes/* by a pool that is ready a second after a wake.
func poolBed(t *testing.T, site http.Handler) *bed {
	t.Helper()
	b := newBed(t, site, func(o *Options) {
		table, err := route.NewTable([]route.Rule{
			{Priority: 5, Conditions: route.Conditions{Path: route.Patterns{Values: []string{"/hermes/*"}}}, Action: hermes()},
			sessionRule(route.Session{}),
		})
		if err != nil {
			t.Fatal(err)
		}
		o.Routes = table
	})
	b.backends.delay = time.Second
	return b
}

// live is the pool's, while somebody holds it.
func (b *bed) poolLive() *session.Live {
	b.t.Helper()
	l, ok := b.registry.Lookup(session.PoolID("hermes"))
	if !ok {
		b.t.Fatal("nobody holds the pool's live state")
	}
	b.t.Cleanup(l.Release)
	return l
}

// TestColdPool: each class of request gets what it gets from a session.
func TestColdPool(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		header       map[string]string
		body         string
		status       int
		answer       string // "" for any
		wakes        int64
	}{
		{"API client", "POST", nil, "job", 200, "POST /hermes/api?x=1;y job", 1},
		{"a page's fetch", "GET", moduleScript, "", 200, "GET /hermes/api?x=1;y ", 1},
		{"navigation", "GET", navigation, "", 503, "", 1},
		{"link unfurler", "GET", map[string]string{"User-Agent": "Slackbot 1.0"}, "", 200, "", 0},
		{"monitor", "OPTIONS", nil, "", 503, "", 0},
		{"preflight", "OPTIONS", map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}, "", 200, "OPTIONS /hermes/api?x=1;y ", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := poolBed(t, echo)
				r := b.do(t.Context(), tt.method, "/hermes/api?x=1;y", tt.header, strings.NewReader(tt.body))
				if r.err != nil || r.StatusCode != tt.status || tt.answer != "" && r.body != tt.answer {
					t.Errorf("answer = %v %q %v, want %d %q", r.Response, r.body, r.err, tt.status, tt.answer)
				}
				if n := b.backends.wakes.Load(); n != tt.wakes {
					t.Errorf("%d wakes, want %d", n, tt.wakes)
				}
				time.Sleep(2 * time.Second) // the start is over
			})
		})
	}
}

// TestPoolRequestsAreAlike: nobody can tell a program's from a person's, so every
// one may wake, and each answered one is a sign of use.
func TestPoolRequestsAreAlike(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := poolBed(t, echo)
		for range 3 {
			b.get("/hermes/api", moduleScript)
			b.backends.mu.Lock()
			if w := b.backends.last; w.Background || w.Activity.Kind != session.Call {
				t.Errorf("woken by %+v, want a call that is no background request", w)
			}
			b.backends.mu.Unlock()
			b.poolLive().SetBackend(session.Backend{Phase: session.PhaseAsleep})
		}
		if diff := cmp.Diff([]session.ActivityKind{session.Call, session.Call, session.Call}, b.touches.kinds()); diff != "" {
			t.Errorf("activity (-want +got):\n%s", diff)
		}
	})
}

// TestPoolSeesTheRequestUnchanged but for what every upstream is told.
func TestPoolSeesTheRequestUnchanged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var seen *http.Request
		b := poolBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = r
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Service-Worker-Allowed", "/")
			_, _ = io.WriteString(w, `<head></head><a href="/x">x</a>`)
		}))
		r := b.get("/hermes//a%2Fb/../?q=%3A;z", map[string]string{"Origin": "http://warmgate"})
		if r.StatusCode != http.StatusBadRequest {
			t.Errorf("a dot segment = %d, want 400", r.StatusCode)
		}
		r = b.get("/hermes//a%2Fb?q=%3A;z", map[string]string{"Origin": "http://warmgate"})
		if r.body != `<head></head><a href="/x">x</a>` || r.Header.Get("Service-Worker-Allowed") != "/" {
			t.Errorf("the answer was changed: %q %v", r.body, r.Header)
		}
		if seen.RequestURI != "/hermes//a%2Fb?q=%3A;z" || seen.Host != "warmgate" || seen.Header.Get("Origin") != "http://warmgate" ||
			seen.Header.Get("X-Forwarded-Prefix") != "" {
			t.Errorf("the service saw %s, Host %s, %v", seen.RequestURI, seen.Host, seen.Header)
		}
	})
}

// TestPoolPage: the warming page finds its calls by whatever rule leads to the
// pool, and they say how far the start is.
func TestPoolPage(t *testing.T) {
	path := func(v string) route.Conditions {
		return route.Conditions{Path: route.Patterns{Values: []string{v}}}
	}
	for _, tt := range []struct {
		name, target, base string
		rule               route.Rule
	}{
		{"below a folder", "/hermes/a/b?x=1", "/hermes", route.Rule{Priority: 1, Conditions: path("/hermes/*"), Action: hermes()}},
		{"a deep folder", "/api/v1/jobs/", "/api/v1", route.Rule{Priority: 1, Conditions: path("/api/v?/*"), Action: hermes()}},
		{"everything", "/a/b", "", route.Rule{Default: true, Action: hermes()}},
		{"rewritten", "/hermes/a/b", "/hermes", route.Rule{
			Priority: 1, Conditions: path("/hermes/*"), Action: hermes(),
			Rewrite: route.Rewrite{Path: route.Replacement{Regex: "^/hermes/(.*)$", Replace: "/$1"}},
		}},
		{"beside an upstream", "/hermes/a", "/hermes", route.Rule{Priority: 1, Conditions: path("/hermes/*"), Action: &route.Forward{Groups: []route.ForwardGroup{
			{Pool: "hermes", Weight: 1}, {Upstream: &route.Upstream{URLs: []string{"http://nobody:1"}}, Weight: 1},
		}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, echo, func(o *Options) {
					var err error
					if o.Routes, err = route.NewTable([]route.Rule{tt.rule}); err != nil {
						t.Fatal(err)
					}
				})
				b.backends.delay = time.Minute
				page := b.get(tt.target, navigation)
				if !strings.Contains(page.body, `name="to" value="`+tt.target+`"`) {
					t.Errorf("the page does not lead back to %s:\n%s", tt.target, page.body)
				}
				if page.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page.body, `data-base="`+tt.base+`"`) {
					t.Errorf("page = %d, without data-base=%q", page.StatusCode, tt.base)
				}
				for range 3 {
					if r := b.get(tt.base+"/.warmgate/status", nil); r.StatusCode != 200 || !strings.Contains(r.body, `"phase":"asked"`) {
						t.Errorf("status = %d %s", r.StatusCode, r.body)
					}
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestPagesOfSeveralPools: each page asks for its own pool, also where that is not the
// rule's first one.
func TestPagesOfSeveralPools(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, func(o *Options) {
			var err error
			o.Routes, err = route.NewTable([]route.Rule{{
				Priority: 1, Conditions: route.Conditions{Path: route.Patterns{Values: []string{"/hermes/*"}}},
				Action: &route.Forward{Groups: []route.ForwardGroup{{Pool: "blue"}, {Pool: "green", Weight: 1}}},
			}})
			if err != nil {
				t.Fatal(err)
			}
		})
		b.backends.failure = session.ErrStartFailed
		if page := b.get("/hermes/a?x=1", navigation); !strings.Contains(page.body, `data-base="/hermes/.warmgate/green"`) {
			t.Errorf("page = %s", page.body)
		}
		for base, phase := range map[string]string{"/hermes": "asleep", "/hermes/.warmgate/green": "failed"} {
			if r := b.get(base+"/.warmgate/status", nil); !strings.Contains(r.body, `"phase":"`+phase+`"`) {
				t.Errorf("status below %s = %d %s, want %s", base, r.StatusCode, r.body, phase)
			}
		}
		if r := b.do(t.Context(), http.MethodPost, "/hermes/.warmgate/green/.warmgate/wake", nil, nil); r.Header.Get("Location") != "/hermes/" {
			t.Errorf("retry leads to %q", r.Header.Get("Location"))
		}
		if n := b.backends.wakes.Load(); n != 2 {
			t.Errorf("%d wakes, want the page's and the retry's", n)
		}
	})
}

// TestPoolPageStaysOnTheHost: a path can begin as the address of another host does.
func TestPoolPageStaysOnTheHost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, func(o *Options) {
			var err error
			o.Routes, err = route.NewTable([]route.Rule{{
				Priority: 1, Conditions: route.Conditions{Path: route.Patterns{Values: []string{"*/jobs/*"}}}, Action: hermes(),
			}})
			if err != nil {
				t.Fatal(err)
			}
		})
		b.backends.delay = time.Second
		for method, target := range map[string]string{"GET": "//evil.example/jobs/a", "POST": "//evil.example/jobs/.warmgate/wake"} {
			res, body, _ := b.raw(method, method+" "+target+" HTTP/1.1\r\nHost: warmgate\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
			if strings.Contains(body, `data-base="//`) || strings.Contains(body, `action="//`) || res.Header.Get("Location") != "" {
				t.Errorf("%s %s = %d to %q: %.2000s", method, target, res.StatusCode, res.Header.Get("Location"), body)
			}
		}
	})
}

// TestMutePoolPage: where no path leads to the page's calls it reloads by itself, and
// a failed start is tried again by opening it.
func TestMutePoolPage(t *testing.T) {
	for _, failure := range []error{nil, session.ErrStartFailed} {
		bubble(t, func(t *testing.T) {
			b := rulesBed(t, echo, rule(1, "/report", hermes()))
			b.backends.failure = failure
			if failure == nil {
				b.backends.delay = time.Minute
			}
			page := b.get("/report", navigation)
			if !strings.Contains(page.body, "data-mute") || failure != nil && strings.Contains(page.body, "<form") {
				t.Errorf("page = %d: %.6000s", page.StatusCode, page.body)
			}
		})
	}
}

// TestPoolThatWasEnded: its record is made anew, and so is what this replica thinks
// of it, though somebody still holds that.
func TestPoolThatWasEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := poolBed(t, echo)
		rec := session.NewPoolRecord("hermes", time.Now())
		rec.Status = session.Expired
		if err := pooled.New(b.store, b.store, nil).Create(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		l := b.registry.Acquire(&rec)
		defer l.Release()
		l.SetBackend(session.Backend{Phase: session.PhaseEnded, Generation: rec.Generation})
		if r := b.get("/hermes/api", moduleScript); r.StatusCode != http.StatusOK {
			t.Errorf("answer = %d %s, want the service's", r.StatusCode, r.body)
		}
	})
}

// TestPoolUpgrade: a websocket is passed through when the pool is ready, never
// held, and no wake.
func TestPoolUpgrade(t *testing.T) {
	b, addr := serveOnSocket(t, func(o *Options) { o.Routes = forwardTable(t, hermes()) })
	b.backends.target.Addr = scriptedSite(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, rawSwitch+"hello;")
		text, _ := r.ReadString(';')
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, r)
	})
	shake := func() (net.Conn, *bufio.Reader, *http.Response) {
		c, r := dialRaw(t, addr)
		send(t, c, rawUpgrade)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c, r, res
	}
	if _, _, res := shake(); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("asleep: %d, Retry-After %q, want 503 with one", res.StatusCode, res.Header.Get("Retry-After"))
	}
	if n := b.backends.wakes.Load(); n != 0 {
		t.Errorf("the handshake has caused %d wakes", n)
	}
	rec := session.NewPoolRecord("hermes", time.Now())
	l := b.registry.Acquire(&rec)
	t.Cleanup(l.Release)
	l.SetBackend(session.Backend{Phase: session.PhaseFailed, Err: session.ErrStartFailed, RetryAt: time.Now().Add(time.Hour)})
	if _, _, res := shake(); res.StatusCode != http.StatusBadGateway {
		t.Errorf("failed: %d, want 502", res.StatusCode)
	}
	l.SetBackend(session.Backend{Phase: session.PhaseReady, Target: b.backends.target})
	c, r, res := shake()
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("ready: %d, want 101", res.StatusCode)
	}
	if l.Sockets().Value() != 1 || l.Requests().Value() != 0 {
		t.Errorf("%d sockets and %d requests are counted, want one socket", l.Sockets().Value(), l.Requests().Value())
	}
	send(t, c, "ping;")
	for _, want := range []string{"hello;", "ping;"} {
		if got, err := r.ReadString(';'); got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if diff := cmp.Diff([]session.ActivityKind{session.Call}, b.touches.kinds()); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	_ = c.Close()
	eventually(t, "the socket is counted out", func() bool { return l.Sockets().Value() == 0 })
}

// TestPoolStoreDown: 503 with Retry-After, never 404.
func TestPoolStoreDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := poolBed(t, echo)
		b.store.Intercept(func(context.Context, storetest.Op, string) error { return session.ErrUnavailable })
		for _, header := range []map[string]string{navigation, moduleScript} {
			if r := b.get("/hermes/", header); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
				t.Errorf("answer = %d, Retry-After %q, want 503 with one", r.StatusCode, r.Header.Get("Retry-After"))
			}
		}
		synctest.Wait()
	})
}
