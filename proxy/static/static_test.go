package static

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newSite makes a folder with a secret beside it and a handler for the folder.
func newSite(t *testing.T, o Options, with404 bool) (*Handler, string) {
	t.Helper()
	base := t.TempDir()
	dir := filepath.Join(base, "site")
	files := map[string]string{
		"secret.txt":               "secret",
		"site/index.html":          "<p>home",
		"site/a b/index.html":      "<p>a b",
		"site/docs/index.html":     "<p>docs",
		"site/docs/page.html":      "<p>page",
		"site/empty/.keep":         "",
		"site/.env":                "secret",
		"site/.git/config":         "secret",
		"site/.well-known/x.txt":   "known",
		"site/data.txt":            "0123456789",
		"site/app.D1.js":           "js",
		"site/page":                "<script>alert(1)</script>",
		"site/ü.txt":               "umlaut",
		"site/odd/index.html/file": "a folder by the name of an index",
	}
	if with404 {
		files["site/404.html"] = "<p>nothing here"
	}
	for name, content := range files {
		p := filepath.Join(base, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"out.txt": "../secret.txt", "abs.txt": filepath.Join(base, "secret.txt"), "up": "..",
		"in.txt": "data.txt", "loop": "loop", "indocs": "docs",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := NewFolder(dir, o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h, dir
}

// do sends a request as it may come over the wire; headers are name, value pairs.
func do(t *testing.T, h http.Handler, method, target string, headers ...string) *http.Response {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatalf("%q: %v", target, err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.URL, r.RequestURI = u, target
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPaths(t *testing.T) {
	h, _ := newSite(t, Options{}, true)
	tests := []struct {
		target string
		status int
		want   string // body, or Location of a redirect
	}{
		{"/", 200, "<p>home"},
		{"/index.html", 200, "<p>home"},
		{"/docs/", 200, "<p>docs"},
		{"/docs/page.html?x=1", 200, "<p>page"},
		{"/a%20b/", 200, "<p>a b"},
		{"/%C3%BC.txt", 200, "umlaut"},
		{"/.well-known/x.txt", 200, "known"},
		{"/in.txt", 200, "0123456789"}, // a link that stays inside
		{"/indocs/page.html", 200, "<p>page"},

		{"/docs", 301, "/docs/"},
		{"/docs?a=1&b", 301, "/docs/?a=1&b"},
		{"/a%20b", 301, "/a%20b/"},
		{"/indocs", 301, "/indocs/"},

		{"/nothing", 404, ""},
		{"/empty", 404, ""}, // never a listing, nor a sign that it exists
		{"/empty/", 404, ""},
		{"/odd/", 404, ""},
		{"/data.txt/", 404, ""},
		{"/data.txt/x", 404, ""},
		{"/.env", 404, ""},
		{"/.git/config", 404, ""},
		{"/%2eenv", 404, ""},
		{"/docs/.hidden", 404, ""},
		{"/out.txt", 404, ""},
		{"/abs.txt", 404, ""},
		{"/up/secret.txt", 404, ""},
		{"/loop", 404, ""},
		{"/pipe", 404, ""},
		{"/../secret.txt", 404, ""},
		{"/docs/../data.txt", 404, ""},
		{"/docs/%2e%2e/data.txt", 404, ""},
		{"/..%2fsecret.txt", 404, ""},
		{"/docs%2Fpage.html", 404, ""},
		{"/..%5csecret.txt", 404, ""},
		{"/./data.txt", 404, ""},
		{"/data.txt%00", 404, ""},
		{"/data.txt%0a", 404, ""},
		{"/%ff", 404, ""},
		{"//docs", 404, ""},
		{"//evil.com/docs", 404, ""},
		{"/docs//page.html", 404, ""},
		{"/%5cevil.com", 404, ""},
		{"/" + strings.Repeat("a", 5000), 404, ""},
	}
	for _, tt := range tests {
		for _, method := range []string{"GET", "HEAD"} {
			res := do(t, h, method, tt.target)
			got := body(t, res)
			want := tt.want
			switch {
			case tt.status == 301:
				got = res.Header.Get("Location") + got
			case method == "HEAD":
				want = ""
			case tt.status == 404:
				want = "<p>nothing here"
			}
			if res.StatusCode != tt.status || got != want {
				t.Errorf("%s %.40s = %d, %q, want %d, %q", method, tt.target, res.StatusCode, got, tt.status, want)
			}
		}
	}
}

func TestAsterisk(t *testing.T) {
	h, _ := newSite(t, Options{}, false)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.URL = &url.URL{Path: "*"}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 404 {
		t.Errorf("GET * = %d, want 404", w.Code)
	}
}

func TestMethods(t *testing.T) {
	h, _ := newSite(t, Options{}, true)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		res := do(t, h, method, "/")
		if res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s = %d, Allow %q, want 405, GET, HEAD", method, res.StatusCode, res.Header.Get("Allow"))
		}
	}
}

func TestHeaders(t *testing.T) {
	h, _ := newSite(t, Options{}, true)
	tests := []struct{ target, contentType, cacheControl string }{
		{"/", "text/html; charset=utf-8", "no-cache"},
		{"/app.D1.js", "text/javascript; charset=utf-8", "no-cache"},
		{"/data.txt", "text/plain; charset=utf-8", "no-cache"},
		{"/page", "application/octet-stream", "no-cache"}, // not sniffed
		{"/nothing", "text/html; charset=utf-8", "no-cache"},
	}
	for _, tt := range tests {
		res := do(t, h, "GET", tt.target)
		if got := res.Header.Get("Content-Type"); got != tt.contentType {
			t.Errorf("%s: Content-Type = %q, want %q", tt.target, got, tt.contentType)
		}
		if got := res.Header.Get("Cache-Control"); got != tt.cacheControl {
			t.Errorf("%s: Cache-Control = %q, want %q", tt.target, got, tt.cacheControl)
		}
		if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options = %q", tt.target, got)
		}
	}

	cached, _ := newSite(t, Options{CacheControl: "public, max-age=60"}, false)
	if got := do(t, cached, "GET", "/").Header.Get("Cache-Control"); got != "public, max-age=60" {
		t.Errorf("Cache-Control = %q, want the option's", got)
	}
	res := do(t, cached, "GET", "/nothing")
	if got := res.Header.Get("Cache-Control"); res.StatusCode != 404 || strings.Contains(got, "max-age") {
		t.Errorf("GET /nothing = %d, Cache-Control %q, want a 404 that is not kept", res.StatusCode, got)
	}
}

func TestConditionsAndRanges(t *testing.T) {
	h, dir := newSite(t, Options{}, true)
	first := do(t, h, "GET", "/data.txt")
	etag, modified := first.Header.Get("Etag"), first.Header.Get("Last-Modified")
	if !strings.HasPrefix(etag, `"`) || modified == "" {
		t.Fatalf("Etag %q, Last-Modified %q, want a strong one and a date", etag, modified)
	}
	tests := []struct {
		name    string
		headers []string
		status  int
		want    string
	}{
		{"same tag", []string{"If-None-Match", etag}, 304, ""},
		{"other tag", []string{"If-None-Match", `"x"`}, 200, "0123456789"},
		{"not modified", []string{"If-Modified-Since", modified}, 304, ""},
		{"precondition", []string{"If-Match", `"x"`}, 412, ""},
		{"range", []string{"Range", "bytes=2-4"}, 206, "234"},
		{"last bytes", []string{"Range", "bytes=-3"}, 206, "789"},
		{"range of this file", []string{"Range", "bytes=2-4", "If-Range", etag}, 206, "234"},
		{"range of another file", []string{"Range", "bytes=2-4", "If-Range", `"x"`}, 200, "0123456789"},
	}
	for _, tt := range tests {
		res := do(t, h, "GET", "/data.txt", tt.headers...)
		if got := body(t, res); res.StatusCode != tt.status || got != tt.want {
			t.Errorf("%s: %d, %q, want %d, %q", tt.name, res.StatusCode, got, tt.status, tt.want)
		}
	}
	if res := do(t, h, "GET", "/data.txt", "Range", "bytes=20-"); res.StatusCode != 416 {
		t.Errorf("range beyond the end = %d, want 416", res.StatusCode)
	}

	name := filepath.Join(dir, "data.txt")
	if err := os.WriteFile(name, []byte("9876543210"), 0o644); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Millisecond)
	if err := os.Chtimes(name, later, later); err != nil {
		t.Fatal(err)
	}
	if res := do(t, h, "GET", "/data.txt", "If-None-Match", etag); res.StatusCode != 200 {
		t.Errorf("changed within a second, same size: %d, want 200", res.StatusCode)
	}
}

func TestFallback(t *testing.T) {
	h, _ := newSite(t, Options{Fallback: "index.html"}, false)
	html := []string{"Accept", "text/html,*/*"}
	tests := []struct {
		name, target string
		headers      []string
		status       int
	}{
		{"old browser", "/some/page", html, 200},
		{"navigation", "/some/page", []string{"Sec-Fetch-Mode", "navigate"}, 200},
		{"folder without index", "/empty/", html, 200},
		{"script", "/gone.js", []string{"Sec-Fetch-Mode", "no-cors", "Accept", "*/*"}, 404},
		{"fetch of a page", "/some/page", []string{"Sec-Fetch-Mode", "cors", "Accept", "text/html"}, 404},
		{"hidden", "/.env", html, 404},
		{"outside", "/../secret.txt", html, 404},
	}
	for _, tt := range tests {
		res := do(t, h, "GET", tt.target, tt.headers...)
		if got := body(t, res); res.StatusCode != tt.status || (tt.status == 200) != (got == "<p>home") {
			t.Errorf("%s: %d, %q, want %d", tt.name, res.StatusCode, got, tt.status)
		}
	}
	missing, _ := newSite(t, Options{Fallback: "app.html"}, true)
	if res := do(t, missing, "GET", "/x", html...); res.StatusCode != 404 {
		t.Errorf("fallback that does not exist = %d, want 404", res.StatusCode)
	}
}

func TestTrouble(t *testing.T) {
	h, _ := newSite(t, Options{}, false)
	_ = h.Close()
	res := do(t, h, "GET", "/data.txt")
	if got := body(t, res); res.StatusCode != 500 || strings.Contains(got, "data.txt") {
		t.Errorf("after Close: %d, %q, want 500 without details", res.StatusCode, got)
	}
}

func TestNewFolder(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if _, err := NewFolder(filepath.Join(t.TempDir(), "none"), Options{}, log); err == nil {
		t.Error("NewFolder of nothing = nil, want an error")
	}
	for _, fallback := range []string{"/index.html", "../x", ".env", "a//b"} {
		if _, err := NewFolder(t.TempDir(), Options{Fallback: fallback}, log); err == nil {
			t.Errorf("NewFolder with fallback %q = nil, want an error", fallback)
		}
	}
}

// Whatever is asked for, the secret beside the folder is never served, and a
// redirect stays on the host.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/../secret.txt", "/docs", "//docs", "/%2e%2e/secret.txt", `/\docs`, "/up/secret.txt", "/.env"} {
		f.Add(s)
	}
	base := f.TempDir()
	for name, content := range map[string]string{"secret.txt": "secret", "site/docs/index.html": "x", "site/.env": "secret"} {
		p := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.Symlink("..", filepath.Join(base, "site", "up")); err != nil {
		f.Fatal(err)
	}
	h, err := NewFolder(filepath.Join(base, "site"), Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = h.Close() })
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.URL = u
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("GET %q served the secret", target)
		}
		location := w.Header().Get("Location")
		if len(location) > 1 && (location[0] != '/' || location[1] == '/' || location[1] == '\\') {
			t.Errorf("GET %q leads to %q", target, location)
		}
	})
}
