package admin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/proxy/admin"
)

// guard marks what passes by it.
type guard struct{}

func (guard) Host(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Guarded", "host")
		next.ServeHTTP(w, r)
	})
}

func (guard) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func newHandler(health *admin.Health) http.Handler {
	metrics := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "warmgate_test_total", Help: "A counter."})
	metrics.MustRegister(counter)
	return admin.New(admin.Options{
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "api "+r.URL.Path)
		}),
		Guard: guard{}, Health: health, Metrics: metrics,
	})
}

func get(t *testing.T, h http.Handler, path, authorization string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func TestHealth(t *testing.T) {
	t.Parallel()
	health := &admin.Health{}
	expect := func(when string, status int, body string) {
		t.Helper()
		for name, h := range map[string]http.Handler{"admin": newHandler(health), "health": health.Handler()} {
			if res, got := get(t, h, "/readyz", ""); res.StatusCode != status || got != body+"\n" {
				t.Errorf("%s: /readyz of the %s listener = %d %q, want %d %q", when, name, res.StatusCode, got, status, body)
			}
			if res, _ := get(t, h, "/healthz", ""); res.StatusCode != 200 {
				t.Errorf("%s: /healthz of the %s listener = %d, want 200", when, name, res.StatusCode)
			}
		}
	}
	expect("at first", 503, "starting")
	health.Ready()
	expect("ready", 200, "ready")
	health.Drain()
	health.Ready() // a late one
	expect("draining", 503, "draining")
}

func TestHealthListenerHasNothingElse(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/metrics", "/api/sessions", "/debug/pprof/"} {
		if res, _ := get(t, (&admin.Health{}).Handler(), path, "Bearer x"); res.StatusCode != 404 {
			t.Errorf("%s = %d, want 404", path, res.StatusCode)
		}
	}
}

func TestTokenIsNeeded(t *testing.T) {
	t.Parallel()
	h := newHandler(&admin.Health{})
	for path, want := range map[string]string{
		"/metrics":                       "warmgate_test_total 0",
		"/api/sessions":                  "api /api/sessions",
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile",
		"/debug/pprof/cmdline":           "admin.test",
	} {
		if res, _ := get(t, h, path, ""); res.StatusCode != 401 {
			t.Errorf("%s without a token = %d, want 401", path, res.StatusCode)
		}
		if res, body := get(t, h, path, "Bearer x"); res.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("%s = %d %.80q, want 200 with %q", path, res.StatusCode, body, want)
		}
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	h := newHandler(&admin.Health{})
	for path, contentType := range map[string]string{
		"/": "text/html; charset=utf-8", "/admin.css": "text/css; charset=utf-8", "/admin.js": "text/javascript; charset=utf-8",
	} {
		res, body := get(t, h, path, "")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != contentType || body == "" {
			t.Errorf("%s = %d, %s; want 200, %s", path, res.StatusCode, res.Header.Get("Content-Type"), contentType)
		}
		if res.Header.Get("Guarded") != "host" {
			t.Errorf("%s is served under any host name", path)
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy = %q, want a strict one", path, csp)
		}
	}
	if res, _ := get(t, h, "/assets/page.html", ""); res.StatusCode != 404 {
		t.Errorf("the assets' folder is served: %d", res.StatusCode)
	}
}
