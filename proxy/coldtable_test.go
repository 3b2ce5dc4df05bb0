package proxy

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// TestColdPathTable sends every class of request to a session in every state,
// through the whole handler.
func TestColdPathTable(t *testing.T) {
	const (
		page    = "text/html; charset=utf-8"
		problem = "application/problem+json"
	)
	type cell struct {
		status int
		kind   string // Content-Type
		wakes  int64
	}
	states := []struct {
		name string
		set  func(b *bed)
	}{
		{"asleep", func(*bed) {}},
		{"warming", func(b *bed) { b.warming() }},
		{"failed", func(b *bed) {
			b.ready().SetBackend(session.Backend{Phase: session.PhaseFailed, Err: session.ErrStartFailed, RetryAt: time.Now().Add(time.Hour)})
		}},
		{"late", func(b *bed) {
			b.ready().SetBackend(session.Backend{Phase: session.PhaseFailed, Err: session.ErrStartTimeout, RetryAt: time.Now().Add(time.Hour)})
		}},
		{"ended", func(b *bed) { b.ready().SetBackend(session.Backend{Phase: session.PhaseEnded, Generation: 1}) }},
		{"unknown", func(*bed) {}},
		{"store down", func(b *bed) {
			b.store.Intercept(func(context.Context, storetest.Op, string) error { return session.ErrUnavailable })
		}},
		{"store down at the wake", func(b *bed) { b.backends.err = session.ErrUnavailable }},
		{"no room", func(b *bed) { b.backends.err = session.ErrCapacity }},
	}
	for _, class := range []struct {
		name, method string
		header       map[string]string
		cells        map[string]cell
	}{
		{"navigation", "GET", navigation, map[string]cell{
			"asleep": {503, page, 1}, "warming": {503, page, 0}, "failed": {502, page, 0}, "late": {504, page, 0},
			"ended": {404, page, 0}, "unknown": {404, page, 0}, "store down": {503, page, 0},
			"store down at the wake": {503, page, 1}, "no room": {503, page, 1},
		}},
		{"sub-resource", "GET", moduleScript, map[string]cell{
			"asleep": {503, problem, 1}, "warming": {503, problem, 0}, "failed": {502, problem, 0}, "late": {504, problem, 0},
			"ended": {404, problem, 0}, "unknown": {404, problem, 0}, "store down": {503, problem, 0},
			"store down at the wake": {503, problem, 1}, "no room": {503, problem, 1},
		}},
		{"API client", "POST", map[string]string{"Accept": "application/json"}, map[string]cell{
			"asleep": {503, problem, 1}, "warming": {503, problem, 0}, "failed": {502, problem, 0}, "late": {504, problem, 0},
			"ended": {404, problem, 0}, "unknown": {404, problem, 0}, "store down": {503, problem, 0},
			"store down at the wake": {503, problem, 1}, "no room": {503, problem, 1},
		}},
		{"prefetch", "GET", map[string]string{"Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "navigate"}, map[string]cell{
			"asleep": {503, page, 0}, "warming": {503, page, 0}, "failed": {503, page, 0}, "late": {503, page, 0},
			"ended": {404, problem, 0}, "unknown": {404, problem, 0}, "store down": {503, problem, 0},
			"store down at the wake": {503, page, 0}, "no room": {503, page, 0},
		}},
		{"unfurler", "GET", map[string]string{"User-Agent": "Slackbot-LinkExpanding 1.0"}, map[string]cell{
			"asleep": {200, page, 0}, "warming": {200, page, 0}, "failed": {200, page, 0}, "late": {200, page, 0},
			"ended": {404, problem, 0}, "unknown": {404, problem, 0}, "store down": {503, problem, 0},
			"store down at the wake": {200, page, 0}, "no room": {200, page, 0},
		}},
		{"websocket", "GET", map[string]string{"Sec-Websocket-Protocol": "chat"}, map[string]cell{
			"asleep": {503, problem, 0}, "warming": {503, problem, 0}, "failed": {502, problem, 0}, "late": {502, problem, 0},
			"ended": {404, problem, 0}, "unknown": {404, problem, 0}, "store down": {503, problem, 0},
			"store down at the wake": {503, problem, 0}, "no room": {503, problem, 0},
		}},
		{"HMR", "GET", map[string]string{"Sec-Websocket-Protocol": "vite-hmr"}, map[string]cell{
			"asleep": {101, "", 0}, "warming": {101, "", 0}, "failed": {101, "", 0}, "late": {101, "", 0},
			"ended": {101, "", 0}, "unknown": {404, problem, 0}, "store down": {503, problem, 0},
			"store down at the wake": {101, "", 0}, "no room": {101, "", 0},
		}},
		{"probe", "GET", map[string]string{"Sec-Websocket-Protocol": "vite-ping"}, map[string]cell{
			"asleep": {503, problem, 0}, "warming": {503, problem, 0}, "failed": {503, problem, 0}, "late": {503, problem, 0},
			"ended": {101, "", 0}, "unknown": {101, "", 0}, "store down": {503, problem, 0},
			"store down at the wake": {503, problem, 0}, "no room": {503, problem, 0},
		}},
	} {
		for _, state := range states {
			t.Run(class.name+" "+state.name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					b := newBed(t, echo, func(o *Options) { o.Holds.Timeout = 3 * time.Second })
					b.backends.delay = time.Minute
					state.set(b)
					id := "demo"
					if state.name == "unknown" {
						id = "nobody"
					}
					want := class.cells[state.name]
					res := b.ask(class.method, "/session/"+id+"/x", class.header)
					if res.StatusCode != want.status || res.Header.Get("Content-Type") != want.kind {
						t.Errorf("answer = %d %s, want %d %s", res.StatusCode, res.Header.Get("Content-Type"), want.status, want.kind)
					}
					if n := b.backends.wakes.Load(); n != want.wakes {
						t.Errorf("wakes = %d, want %d", n, want.wakes)
					}
					if res.StatusCode != 101 && res.Header.Get("Cache-Control") != "no-store" {
						t.Errorf("Cache-Control = %q", res.Header.Get("Cache-Control"))
					}
					// Nobody reads it in the answer to a prefetch or a probe.
					told := class.name != "prefetch" && class.name != "probe"
					if told && res.StatusCode == 503 && res.Header.Get("Retry-After") == "" {
						t.Error("503 without Retry-After")
					}
					if k := b.touches.kinds(); len(k) != 0 {
						t.Errorf("activity = %v, want none", k)
					}
				})
			})
		}
	}
}

// TestWakeBudgets: each of the three refuses by itself, and says which it is.
func TestWakeBudgets(t *testing.T) {
	for name, tt := range map[string]struct {
		set  func(*BudgetOptions)
		says string
	}{
		"session": {func(o *BudgetOptions) { o.WakesPerSession = Rate{PerMinute: 1, Burst: 1} }, "this session"},
		"client":  {func(o *BudgetOptions) { o.WakesPerClient = Rate{PerMinute: 1, Burst: 1} }, "this client"},
		"address": {func(o *BudgetOptions) { o.WakesPerAddress = Rate{PerMinute: 1, Burst: 1} }, "this address"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, echo, func(o *Options) { tt.set(&o.Budgets) })
				b.backends.err = errors.New("nothing starts")
				b.get("/session/demo/", navigation)
				r := b.get("/session/demo/", navigation)
				if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "60" || !strings.Contains(strings.ToLower(r.body), tt.says) {
					t.Errorf("second wake = %d, Retry-After %s", r.StatusCode, r.Header.Get("Retry-After"))
				}
				if n := b.backends.wakes.Load(); n != 1 {
					t.Errorf("wakes = %d, want 1", n)
				}
			})
		})
	}
}

// ask sends one request, a websocket handshake if the header has a subprotocol,
// and returns the head of the answer.
func (b *bed) ask(method, target string, header map[string]string) *http.Response {
	b.t.Helper()
	text := method + " " + target + " HTTP/1.1\r\nHost: warmgate\r\n"
	if header["Sec-Websocket-Protocol"] != "" {
		text += "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://warmgate\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	}
	for k, v := range header {
		text += k + ": " + v + "\r\n"
	}
	res, _, _ := b.raw(method, text+"\r\n")
	return res
}
