package page_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/webordinary/warmgate/proxy/page"
)

const body = `{{define "main"}}<main><h1>{{.}}</h1></main>{{end}}`

func look(t *testing.T, ancestors ...string) *page.Look {
	t.Helper()
	l, err := page.New(page.Options{FrameAncestors: ancestors})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func write(t *testing.T, p *page.Page, method string, a page.Answer) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	p.Write(w, httptest.NewRequestWithContext(t.Context(), method, "/", http.NoBody), a)
	return w.Result()
}

func TestWrite(t *testing.T) {
	p := look(t).MustCompile(page.Source{Body: body, Style: "h1 { color: red }", Script: "// why\n  go()\n"})
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	p.Write(w, r, page.Answer{Status: 503, Title: "A <b>", RetryAfter: 1500 * time.Millisecond, Data: "x & <script>"})
	if w.Code != 503 {
		t.Errorf("status = %d, want 503", w.Code)
	}
	for name, want := range map[string]string{
		"Cache-Control":          "no-store",
		"Content-Type":           "text/html; charset=utf-8",
		"Referrer-Policy":        "same-origin",
		"Retry-After":            "2",
		"Vary":                   "Accept, Sec-Fetch-Mode, Sec-Purpose, User-Agent",
		"X-Content-Type-Options": "nosniff",
		"X-Frame-Options":        "SAMEORIGIN",
		"X-Robots-Tag":           "noindex",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	got := w.Body.String()
	for _, want := range []string{"<title>A &lt;b&gt;</title>", "<h1>x &amp; &lt;script&gt;</h1>", "<script>go()\n</script>"} {
		if !strings.Contains(got, want) {
			t.Errorf("page lacks %q:\n%s", want, got)
		}
	}
}

// What the policy admits is what the page has: each style and script by its hash.
func TestPolicyAdmitsOurOwnOnly(t *testing.T) {
	w := httptest.NewRecorder()
	p := look(t).MustCompile(page.Source{Body: body, Style: "h1 > b { content: '<' }", Script: "if (1 < 2 && '</b>') go()"})
	p.Write(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), page.Answer{Status: 200, Data: "x"})
	doc, err := html.Parse(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	policy := w.Header().Get("Content-Security-Policy")
	n := 0
	for e := range doc.Descendants() {
		if e.Type != html.ElementNode || e.Data != "style" && e.Data != "script" {
			continue
		}
		n++
		sum := sha256.Sum256([]byte(e.FirstChild.Data))
		want := e.Data + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q does not admit the page's %s", policy, e.Data)
		}
	}
	if n != 2 {
		t.Errorf("page has %d styles and scripts, want 2", n)
	}
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy = %q, want one that begins with nothing and has nothing unsafe", policy)
	}
}

func TestPageWithoutScriptAdmitsNone(t *testing.T) {
	p := look(t).MustCompile(page.Source{Body: body})
	res := write(t, p, http.MethodGet, page.Answer{Status: 200, Data: "x"})
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'none';") {
		t.Errorf("policy = %q, want no script", policy)
	}
}

func TestHeadHasTheSameHeaders(t *testing.T) {
	p := look(t).MustCompile(page.Source{Body: body})
	a := page.Answer{Status: 404, Data: "x"}
	get, head := write(t, p, http.MethodGet, a), write(t, p, http.MethodHead, a)
	if get.StatusCode != head.StatusCode || get.ContentLength != head.ContentLength || get.ContentLength <= 0 {
		t.Errorf("GET = %d, %d bytes; HEAD = %d, %d bytes; want the same", get.StatusCode, get.ContentLength, head.StatusCode, head.ContentLength)
	}
	if n, _ := head.Body.Read(make([]byte, 1)); n != 0 {
		t.Error("HEAD has a body")
	}
}

func TestFrameAncestors(t *testing.T) {
	for _, tt := range []struct {
		ancestors []string
		policy    string
		frames    string
	}{
		{nil, "frame-ancestors 'self'", "SAMEORIGIN"},
		{[]string{"'none'"}, "frame-ancestors 'none'", "DENY"},
		{[]string{"https://edit.example.com"}, "frame-ancestors https://edit.example.com", ""},
		{[]string{"'self'", "https://*.example.com:8443"}, "frame-ancestors 'self' https://*.example.com:8443", ""},
	} {
		p := look(t, tt.ancestors...).MustCompile(page.Source{Body: body})
		h := write(t, p, http.MethodGet, page.Answer{Status: 200, Data: "x"}).Header
		if got := h.Get("Content-Security-Policy"); !strings.HasSuffix(got, tt.policy) {
			t.Errorf("policy for %q = %q, want it to end in %q", tt.ancestors, got, tt.policy)
		}
		if got := h.Get("X-Frame-Options"); got != tt.frames {
			t.Errorf("X-Frame-Options for %q = %q, want %q", tt.ancestors, got, tt.frames)
		}
	}
}

func TestNewRefusesWhatIsNoOrigin(t *testing.T) {
	for _, ancestors := range [][]string{
		{""},
		{"self"},
		{"*"},
		{"edit.example.com"},
		{"javascript://x"},
		{"https://"},
		{"https://*."},
		{"https://a.example/path"},
		{"https://a.example; script-src *"},
		{"https://a.example https://b.example"},
		{"https://a.example\r\nX: y"},
		{"'none'", "'self'"},
	} {
		if _, err := page.New(page.Options{FrameAncestors: ancestors}); err == nil {
			t.Errorf("New(%q) has no error", ancestors)
		}
	}
}

func TestSeconds(t *testing.T) {
	in := []time.Duration{-time.Second, 0, 1, time.Second, time.Second + 1, time.Minute}
	want := []int{0, 0, 1, 1, 2, 60}
	var got []int
	for _, d := range in {
		got = append(got, page.Seconds(d))
	}
	if !slices.Equal(got, want) {
		t.Errorf("Seconds(%v) = %v, want %v", in, got, want)
	}
}
