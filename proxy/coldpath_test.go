package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

func TestNavigationWakesAndGetsThePage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.backends.delay = 3 * time.Second
		r := b.get("/session/demo/second?x=1", navigation)
		if r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(r.Header.Get("Content-Type"), "text/html") {
			t.Fatalf("cold navigation = %d %s", r.StatusCode, r.Header.Get("Content-Type"))
		}
		if r.after != 750*time.Millisecond {
			t.Errorf("page came after %v, want 750ms", r.after)
		}
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Retry-After") == "" {
			t.Errorf("header = %v, want no-store and Retry-After", r.Header)
		}
		time.Sleep(3 * time.Second)
		if r := b.get("/session/demo/second?x=1", navigation); r.StatusCode != 200 || r.body != "GET /second?x=1 " {
			t.Errorf("warm navigation = %d %.80q", r.StatusCode, r.body)
		}
		if n := b.backends.wakes.Load(); n != 1 {
			t.Errorf("wakes = %d, want 1", n)
		}
	})
}

func TestQuickStartNeedsNoPage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.backends.delay = 500 * time.Millisecond
		if r := b.get("/session/demo/", navigation); r.StatusCode != 200 || r.after != b.backends.delay {
			t.Errorf("navigation = %d after %v, want 200 after %v", r.StatusCode, r.after, b.backends.delay)
		}
	})
}

// TestThousandFirstRequests: navigations and sub-resources, all at once: one
// start, every held request goes on when it is ready, each exactly once.
func TestThousandFirstRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		forwarded := map[string]int{}
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			forwarded[r.URL.Path]++
			mu.Unlock()
			_, _ = w.Write([]byte("ok"))
		}), func(o *Options) { o.Holds = HoldOptions{PerSession: 1000, PerAddress: 1000, Total: 1000} })
		b.backends.delay = 5 * time.Second
		replies := make([]reply, 1000)
		var wg sync.WaitGroup
		for i := range replies {
			wg.Go(func() {
				header := moduleScript
				if i%2 == 0 {
					header = navigation
				}
				replies[i] = b.do(t.Context(), "GET", fmt.Sprintf("/session/demo/%d", i), header, nil)
			})
		}
		wg.Wait()
		if n := b.backends.wakes.Load(); n != 1 {
			t.Errorf("wakes = %d, want 1", n)
		}
		for i, r := range replies {
			want, after := 200, 5*time.Second
			if i%2 == 0 {
				want, after = 503, 750*time.Millisecond
			}
			if r.err != nil || r.StatusCode != want || r.after < after || r.after > after+100*time.Millisecond {
				t.Fatalf("request %d: %v after %v (%v), want %d within 100ms of %v", i, r.Response, r.after, r.err, want, after)
			}
		}
		if len(forwarded) != 500 {
			t.Errorf("forwarded %d paths, want 500", len(forwarded))
		}
		for path, n := range forwarded {
			if n != 1 {
				t.Errorf("%s was forwarded %d times", path, n)
			}
		}
	})
}

func TestFailedStartReachesAllWaitersWithItsCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.backends.delay = 2 * time.Second
		b.backends.failure = fmt.Errorf("exit status 1: Cannot find module astro: %w", session.ErrStartFailed)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				r := b.do(t.Context(), "GET", fmt.Sprint("/session/demo/", i), moduleScript, nil)
				if r.err != nil || r.StatusCode != http.StatusBadGateway || r.after > 2500*time.Millisecond {
					t.Errorf("request %d = %v after %v, %v", i, r.Response, r.after, r.err)
				}
				if !strings.Contains(r.body, "Cannot find module astro") || r.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("answer lacks the cause: %s %s", r.Header.Get("Content-Type"), r.body)
				}
			})
		}
		wg.Wait()
		r := b.get("/session/demo/", navigation)
		if r.StatusCode != http.StatusBadGateway || !strings.Contains(r.body, "Cannot find module astro") || !strings.Contains(r.body, "/session/demo/.warmgate/wake") {
			t.Errorf("error page = %d, want 502 with the cause and a retry form", r.StatusCode)
		}
		if n := b.backends.wakes.Load(); n != 1 {
			t.Errorf("wakes = %d, want 1", n)
		}
		b.backends.failure = nil
		retry := b.do(t.Context(), "POST", "/session/demo/.warmgate/wake", map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://warmgate",
		}, strings.NewReader("to=%2Fsession%2Fdemo%2Fsecond%3Fa%3D1"))
		if retry.StatusCode != http.StatusSeeOther || retry.Header.Get("Location") != "/session/demo/second?a=1" {
			t.Errorf("retry = %d to %q", retry.StatusCode, retry.Header.Get("Location"))
		}
		time.Sleep(3 * time.Second)
		if r := b.get("/session/demo/", navigation); r.StatusCode != 200 {
			t.Errorf("after the retry = %d, want 200", r.StatusCode)
		}
	})
}

func TestRetryLeadsNowhereElse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		for _, to := range []string{"//evil.example/", "https://evil.example/", `/\evil.example`, "", "/session/demo/\r\nX: y"} {
			r := b.do(t.Context(), "POST", "/session/demo/.warmgate/wake", map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
				strings.NewReader("to="+strings.NewReplacer("%", "%25", "\r", "%0d", "\n", "%0a").Replace(to)))
			if got := r.Header.Get("Location"); got != "/session/demo/" {
				t.Errorf("to=%q leads to %q", to, got)
			}
		}
		r := b.do(t.Context(), "POST", "/session/demo/.warmgate/wake", map[string]string{"Origin": "https://evil.example"}, nil)
		if r.StatusCode != http.StatusForbidden {
			t.Errorf("another site's form = %d, want 403", r.StatusCode)
		}
	})
}

func TestHoldBounds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		holds HoldOptions
	}{
		{"per session", HoldOptions{PerSession: 10, Timeout: 3 * time.Second}},
		{"per address", HoldOptions{PerAddress: 10, Timeout: 3 * time.Second}},
		{"total", HoldOptions{Total: 10, Timeout: 3 * time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, echo, func(o *Options) { o.Holds = tt.holds })
				b.backends.delay = time.Hour
				var wg sync.WaitGroup
				for range 10 {
					wg.Go(func() {
						r := b.do(t.Context(), "GET", "/session/demo/x.js", moduleScript, nil)
						if r.StatusCode != 503 || r.after != 3*time.Second || r.Header.Get("Retry-After") == "" {
							t.Errorf("held = %d after %v", r.StatusCode, r.after)
						}
					})
				}
				synctest.Wait()
				r := b.get("/session/demo/y.js", moduleScript)
				if r.StatusCode != 503 || r.after != 0 || r.Header.Get("Retry-After") == "" || r.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("over the bound = %d after %v %v, want 503 at once", r.StatusCode, r.after, r.Header)
				}
				if r := b.get("/session/demo/", navigation); r.StatusCode != 503 || r.after != 0 || !strings.Contains(r.Header.Get("Content-Type"), "text/html") {
					t.Errorf("navigation over the bound = %d after %v, want the page at once", r.StatusCode, r.after)
				}
				wg.Wait()
				if n := b.handler.holds.total.Load(); n != 0 {
					t.Errorf("%d places are still taken", n)
				}
			})
		})
	}
}

func TestClientGoneFreesItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.backends.delay = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { b.do(ctx, "GET", "/session/demo/x.js", moduleScript, nil) })
		synctest.Wait()
		if n := b.handler.holds.total.Load(); n != 1 {
			t.Fatalf("held = %d, want 1", n)
		}
		cancel()
		wg.Wait()
		synctest.Wait()
		if n := b.handler.holds.total.Load(); n != 0 {
			t.Errorf("held = %d after the client left, want 0", n)
		}
	})
}

// TestHeldBodyIsForwardedOnce: the body of a held POST is not read before there
// is a target, and arrives whole.
func TestHeldBodyIsForwardedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.backends.delay = 4 * time.Second
		body := &countingReader{Reader: strings.NewReader(strings.Repeat("a", 1<<20))}
		var wg sync.WaitGroup
		wg.Go(func() {
			r := b.do(t.Context(), "POST", "/session/demo/api", map[string]string{"Accept": "application/json"}, body)
			if r.StatusCode != 200 || len(r.body) != len("POST /api ")+1<<20 {
				t.Errorf("POST = %d with %d bytes", r.StatusCode, len(r.body))
			}
		})
		time.Sleep(2 * time.Second)
		if n := body.n.Load(); n > 64<<10 {
			t.Errorf("%d bytes were read while the request was held", n)
		}
		wg.Wait()
	})
}

func TestWhatNeverWakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		for _, tt := range []struct {
			name, method string
			header       map[string]string
			status       int
		}{
			{"prefetch", "GET", map[string]string{"Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "navigate"}, 503},
			{"head", "HEAD", navigation, 200},
			{"unfurler", "GET", map[string]string{"User-Agent": "Slackbot-LinkExpanding 1.0"}, 200},
			{"preflight", "OPTIONS", map[string]string{"Origin": "http://x"}, 503},
			{"status", "GET", moduleScript, 200},
		} {
			target := "/session/demo/"
			if tt.name == "status" {
				target += ".warmgate/status"
			}
			if r := b.do(t.Context(), tt.method, target, tt.header, nil); r.err != nil || r.StatusCode != tt.status || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s = %v %v, want %d and no-store", tt.name, r.Response, r.err, tt.status)
			}
		}
		if n := b.backends.wakes.Load(); n != 0 {
			t.Errorf("wakes = %d, want 0", n)
		}
		if k := b.touches.kinds(); len(k) != 0 {
			t.Errorf("activity = %v, want none", k)
		}
	})
}

func TestWakeBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, func(o *Options) { o.Budgets.WakesPerSession = Rate{PerMinute: 1, Burst: 2} })
		b.backends.failure = session.ErrStartFailed
		for i := range 3 {
			b.get("/session/demo/", navigation)
			time.Sleep(time.Second)
			l, _ := b.registry.Lookup("demo")
			if l != nil {
				l.SetBackend(session.Backend{Phase: session.PhaseAsleep})
				l.Release()
			}
			_ = i
		}
		if n := b.backends.wakes.Load(); n != 2 {
			t.Errorf("wakes = %d, want 2", n)
		}
		r := b.get("/session/demo/", navigation)
		if r.StatusCode != 503 || !strings.Contains(r.body, "woken too often") || r.Header.Get("Retry-After") == "" {
			t.Errorf("refused wake = %d, want 503 that says so", r.StatusCode)
		}
		time.Sleep(time.Minute)
		b.get("/session/demo/", navigation)
		if n := b.backends.wakes.Load(); n != 3 {
			t.Errorf("wakes = %d after a minute, want 3", n)
		}
	})
}

func TestBackgroundWakeIsRefusedPolitely(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.backends.err = fmt.Errorf("wake: %w", session.ErrConflict)
		r := b.get("/session/demo/poll", moduleScript)
		if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !strings.Contains(r.body, "asleep") {
			t.Errorf("background request = %d %s", r.StatusCode, r.body)
		}
		reload := map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
		if r := b.get("/session/demo/poll", reload); r.StatusCode != 503 || !strings.Contains(r.body, "/session/demo/.warmgate/wake") {
			t.Errorf("a page that reloads itself = %d, want the page with a button that wakes", r.StatusCode)
		}
	})
}

func TestUnknownEndedAndExpiredLookTheSame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.addSession("ended", session.Expired)
		b.addSession("draining", session.Draining)
		old := b.addSession("old", session.Inactive)
		time.Sleep(time.Until(old.ExpiresAt))
		for _, header := range []map[string]string{navigation, moduleScript, {"Accept": "*/*", "User-Agent": "Slackbot"}} {
			var first reply
			for i, id := range []string{"nobody", "ended", "draining", "old", "%20", "a b"} {
				r := b.get("/session/"+strings.ReplaceAll(id, " ", "%20")+"/x", header)
				if i == 0 {
					first = r
				}
				if r.StatusCode != 404 || r.Header.Get("Cache-Control") != "no-store" || len(r.body) != len(first.body) {
					t.Errorf("%s = %d, %d bytes; want 404 with the %d bytes of an unknown one", id, r.StatusCode, len(r.body), len(first.body))
				}
			}
		}
		if n := b.backends.wakes.Load(); n != 0 {
			t.Errorf("wakes = %d, want 0", n)
		}
	})
}

func TestGoneRedirect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, func(o *Options) { o.Gone = "https://www.example.com/" })
		if r := b.get("/session/nobody/", navigation); r.StatusCode != 302 || r.Header.Get("Location") != "https://www.example.com/" {
			t.Errorf("navigation = %d %q", r.StatusCode, r.Header.Get("Location"))
		}
		if r := b.get("/session/nobody/x.js", moduleScript); r.StatusCode != 404 {
			t.Errorf("script = %d, want 404", r.StatusCode)
		}
	})
}

func TestStoreDownIsNotNotFound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.store.Intercept(func(context.Context, storetest.Op, string) error { return session.ErrUnavailable })
		for _, header := range []map[string]string{navigation, moduleScript} {
			if r := b.get("/session/demo/", header); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
				t.Errorf("store down = %d, want 503 with Retry-After", r.StatusCode)
			}
		}
	})
}

func TestMissesAreLimitedPerAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, func(o *Options) { o.Budgets.MissesPerAddress = Rate{PerMinute: 60, Burst: 20} })
		b.ready()
		reads := 0
		b.store.Intercept(func(_ context.Context, op storetest.Op, key string) error {
			if op == storetest.OpSession && key != "demo" {
				reads++
			}
			return nil
		})
		for i := range 1000 {
			b.get(fmt.Sprintf("/session/guess%d/", i), moduleScript)
		}
		if reads > 21 {
			t.Errorf("%d look-ups of 1000 unknown ids reached the store, want 20", reads)
		}
		if r := b.get("/session/demo/", navigation); r.StatusCode != 200 {
			t.Errorf("a session in use = %d meanwhile, want 200", r.StatusCode)
		}
	})
}

// TestLostTargetIsWaitedOut: a target that refuses connections sends the request
// on the cold path, once per attempt, instead of a 502.
func TestLostTargetIsWaitedOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, nil, nil)
		b.ready()
		b.backends.delay = time.Second
		stopped := make(chan struct{})
		go func() {
			time.Sleep(500 * time.Millisecond)
			b.serve(upstreamAddr, echo)
			close(stopped)
		}()
		r := b.get("/session/demo/x.js", moduleScript)
		<-stopped
		if r.StatusCode != 200 || b.backends.suspected.Load() == 0 || b.backends.wakes.Load() != 1 {
			t.Errorf("GET = %d, suspected %d, wakes %d", r.StatusCode, b.backends.suspected.Load(), b.backends.wakes.Load())
		}
	})
}

func TestPoolsAreApart(t *testing.T) {
	rule := sessionRule(route.Session{})
	rule.Action.(*route.Session).Pool = "other"
	table, err := route.NewTable([]route.Rule{rule})
	if err != nil {
		t.Fatal(err)
	}
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, func(o *Options) { o.Routes = table })
		b.ready()
		if r := b.get("/session/demo/", navigation); r.StatusCode != 404 {
			t.Errorf("a session of another pool = %d, want 404", r.StatusCode)
		}
	})
}

// countingReader counts what was read.
type countingReader struct {
	io.Reader
	n atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}
