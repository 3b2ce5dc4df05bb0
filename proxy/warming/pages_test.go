package warming_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/proxy/warming"
	"github.com/webordinary/warmgate/session"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newPages(t *testing.T, o warming.Options) *warming.Pages {
	t.Helper()
	look, err := page.New(page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return warming.New(look, o)
}

// logOf returns a log function.
func logOf(lines ...string) func() []string { return func() []string { return lines } }

// starting is a start that is 3.4 s old and has left out pulling.
func starting() *session.Backend {
	began := time.Now().Add(-3400 * time.Millisecond)
	return &session.Backend{
		Phase: session.PhaseStarting, Began: began,
		Steps: []session.Step{
			{Phase: session.PhaseAsked, At: began},
			{Phase: session.PhaseProvisioning, At: began.Add(300 * time.Millisecond)},
			{Phase: session.PhaseStarting, At: began.Add(1200 * time.Millisecond)},
		},
		Estimate: session.Estimate{Median: 6 * time.Second, P90: 9 * time.Second, Samples: 12},
		Log:      logOf("> astro dev", "\x1b[32mready\x1b[0m in 900 ms"),
	}
}

func failed() *session.Backend {
	b := starting()
	b.Phase = session.PhaseFailed
	b.Err = fmt.Errorf("exit status 1: %w", session.ErrStartFailed)
	b.RetryAt = time.Now().Add(7100 * time.Millisecond)
	return b
}

func get(t *testing.T, method, target string) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody)
}

func view(b *session.Backend) warming.View {
	return warming.View{SessionID: "demo", Base: "/session/demo", Backend: b, RequestID: "abc"}
}

// assets are the parts of a page that no golden file repeats.
var assets = regexp.MustCompile(`(?s)(<style>|<script>).*?(</style>|</script>)`)

func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string
		write  func(p *warming.Pages, w http.ResponseWriter, r *http.Request)
		status int
		retry  string
	}{
		{"warming", "GET", func(p *warming.Pages, w http.ResponseWriter, r *http.Request) {
			p.Warming(w, r, view(starting()))
		}, 503, "3"},
		{"warming-new", "GET", func(p *warming.Pages, w http.ResponseWriter, r *http.Request) {
			p.Warming(w, r, warming.View{SessionID: "demo", Backend: &session.Backend{Phase: session.PhaseAsked, Began: time.Now()}})
		}, 503, "2"},
		{"warming-post", "POST", func(p *warming.Pages, w http.ResponseWriter, r *http.Request) {
			p.Warming(w, r, view(starting()))
		}, 503, "3"},
		{"warming-pool", "GET", func(p *warming.Pages, w http.ResponseWriter, r *http.Request) {
			v := view(starting())
			v.SessionID, v.Base = session.PoolID("hermes"), "/hermes"
			p.Warming(w, r, v)
		}, 503, "3"},
		{"failed", "GET", func(p *warming.Pages, w http.ResponseWriter, r *http.Request) {
			p.Failed(w, r, view(failed()), http.StatusBadGateway)
		}, 502, "8"},
		{"asleep", "GET", func(p *warming.Pages, w http.ResponseWriter, r *http.Request) {
			p.Asleep(w, r, view(&session.Backend{Phase: session.PhaseAsleep}))
		}, 503, "60"},
		{"card", "GET", func(p *warming.Pages, w http.ResponseWriter, r *http.Request) { p.Card(w, r, false) }, 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // its clock always shows the same
				w := httptest.NewRecorder()
				tt.write(newPages(t, warming.Options{}), w, get(t, tt.method, "/session/demo/a?b=%22c&d"))
				if w.Code != tt.status || w.Header().Get("Retry-After") != tt.retry {
					t.Errorf("answer = %d, Retry-After %q, want %d, %q", w.Code, w.Header().Get("Retry-After"), tt.status, tt.retry)
				}
				if n := w.Body.Len(); n >= 16_000 {
					t.Errorf("page has %d bytes, want less than 16000", n)
				}
				golden(t, tt.name+".html", assets.ReplaceAllString(w.Body.String(), "$1…$2"))
			})
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// hostile is text that must never become markup.
var hostile = []string{
	`<script>alert(1)</script>`,
	`</pre><img src=x onerror=alert(1)>`,
	`" autofocus onfocus="alert(1)`,
	`' onmouseover='alert(1)`,
	`</textarea></title></style></script><svg onload=alert(1)>`,
	`<!--<script>`,
	`{{.Base}}`,
	`javascript:alert(1)`,
	"\u202egnp.exe\u2066",
	"\x00\x1b[2J\x1b]0;title\x07",
	"\xff\xfe<b>",
}

// skeleton returns the page's elements and attributes that a browser would act
// on, without text.
func skeleton(t *testing.T, body string) []string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		s := n.Data
		for _, a := range n.Attr {
			s += " " + a.Key
		}
		all = append(all, s)
	}
	return all
}

func TestHostileTextStaysText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPages(t, warming.Options{})
		render := func(text, target string) (out []string) {
			for _, b := range []*session.Backend{starting(), failed()} {
				v := view(b)
				v.SessionID, v.RequestID = session.ID(text), text
				b.Log = logOf(text)
				b.Err = errors.New("cause: " + text)
				w := httptest.NewRecorder()
				if b.Phase == session.PhaseFailed {
					p.Failed(w, get(t, "GET", target), v, 502)
				} else {
					p.Warming(w, get(t, "GET", target), v)
				}
				out = append(out, skeleton(t, w.Body.String())...)
			}
			return out
		}
		want := render("harmless", "/session/demo/")
		for _, text := range hostile {
			target := "/session/demo/?q=" + url.PathEscape(text)
			if diff := cmp.Diff(want, render(text, target)); diff != "" {
				t.Errorf("%q changes the page (-want +got):\n%s", text, diff)
			}
		}
	})
}

// The bytes of a query that a client sent unescaped are escaped too.
func TestHostileQueryStaysText(t *testing.T) {
	r := get(t, "GET", "/session/demo/")
	r.URL.RawQuery = `"><script>alert(1)</script>`
	w := httptest.NewRecorder()
	newPages(t, warming.Options{}).Failed(w, r, view(failed()), 502)
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Errorf("page has the query's markup:\n%s", w.Body)
	}
}

// Terminal sequences, control characters and marks that turn the reading
// direction are no text.
func TestLogIsPlainText(t *testing.T) {
	for line, want := range map[string]string{
		"\x1b[1;32mready\x1b[0m in\t3 ms  ":      "ready in 3 ms",
		"\x1b]8;;http://x\x07link\x1b]8;;\x1b\\": "link",
		"\x00\x1b[2J\x08a\rb":                    "ab",
		"\u202egnp.exe\u2066":                    "gnp.exe",
		"\xff\xfeb":                              "\uFFFDb",
		"héllo, 世界 🚀":                            "héllo, 世界 🚀",
	} {
		b := starting()
		b.Log = logOf("first", line)
		w := httptest.NewRecorder()
		newPages(t, warming.Options{}).Warming(w, get(t, "GET", "/session/demo/"), view(b))
		if want = ">first\n" + want + "</pre>"; !strings.Contains(w.Body.String(), want) {
			t.Errorf("page with log line %q lacks %q", line, want)
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	b := starting()
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf("line %d %s", i, strings.Repeat("x", 10_000)))
	}
	b.Log = logOf(lines...)
	w := httptest.NewRecorder()
	newPages(t, warming.Options{}).Warming(w, get(t, "GET", "/session/demo/"), view(b))
	if got := w.Body.Len(); got >= 16_000 {
		t.Errorf("page has %d bytes, want less than 16000", got)
	}
	if !strings.Contains(w.Body.String(), "line 999 ") || strings.Contains(w.Body.String(), "line 989 ") {
		t.Error("page has not the last ten lines")
	}
}

// A sent form is never sent again by itself; without a script a GET is.
func TestRefreshWithoutScript(t *testing.T) {
	for method, want := range map[string]bool{"GET": true, "POST": false} {
		w := httptest.NewRecorder()
		newPages(t, warming.Options{}).Warming(w, get(t, method, "/session/demo/"), view(starting()))
		if got := strings.Contains(w.Body.String(), `http-equiv="refresh"`); got != want {
			t.Errorf("page for a %s refreshes = %t, want %t", method, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		elapsed, median, p90 time.Duration
		want                 string
	}{
		{0, 0, 0, "2"},
		{0, 6 * time.Second, 9 * time.Second, "6"},
		{5900 * time.Millisecond, 6 * time.Second, 9 * time.Second, "1"},
		{7 * time.Second, 6 * time.Second, 9 * time.Second, "2"},
		{time.Minute, 6 * time.Second, 9 * time.Second, "2"},
		{0, 3 * time.Minute, 4 * time.Minute, "30"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &session.Backend{
				Phase: session.PhaseAsked, Began: time.Now().Add(-tt.elapsed),
				Estimate: session.Estimate{Median: tt.median, P90: tt.p90, Samples: 5},
			}
			w := httptest.NewRecorder()
			newPages(t, warming.Options{}).Warming(w, get(t, "GET", "/"), view(b))
			if got := w.Header().Get("Retry-After"); got != tt.want {
				t.Errorf("Retry-After %s into a start of %s/%s = %s, want %s", tt.elapsed, tt.median, tt.p90, got, tt.want)
			}
		})
	}
}

func TestCauseInWords(t *testing.T) {
	for err, want := range map[error]string{
		session.ErrStartFailed:  "Its server could not be started, or stopped again at once.",
		session.ErrStartTimeout: "It was started, but it did not answer in time.",
		session.ErrCapacity:     "There is no room for it at the moment.",
		errors.New("x"):         "Something went wrong while it was started.",
	} {
		b := failed()
		b.Err = fmt.Errorf("step: %w", err)
		w := httptest.NewRecorder()
		newPages(t, warming.Options{}).Failed(w, get(t, "GET", "/"), view(b), 502)
		for _, s := range []string{want, "<code>step: "} {
			if !strings.Contains(w.Body.String(), s) {
				t.Errorf("page for %v lacks %q", err, s)
			}
		}
	}
}

func TestCard(t *testing.T) {
	for prefetch, want := range map[bool]int{false: http.StatusOK, true: http.StatusServiceUnavailable} {
		w := httptest.NewRecorder()
		newPages(t, warming.Options{}).Card(w, get(t, "GET", "/session/private-client/"), prefetch)
		if w.Code != want {
			t.Errorf("card, prefetch %t = %d, want %d", prefetch, w.Code, want)
		}
		if strings.Contains(w.Body.String(), "private-client") {
			t.Error("card names the session")
		}
	}
}

func TestReturnTo(t *testing.T) {
	for to, want := range map[string]string{
		"/session/demo/a?b=c&d=%2f":  "/session/demo/a?b=c&d=%2f",
		"/":                          "/",
		"/a:b//c":                    "/a:b//c",
		"":                           "/session/demo/",
		"a":                          "/session/demo/",
		"//evil.example":             "/session/demo/",
		`/\evil.example`:             "/session/demo/",
		`\\evil.example`:             "/session/demo/",
		"/\t/evil.example":           "/session/demo/",
		"/\n/evil.example":           "/session/demo/",
		" //evil.example":            "/session/demo/",
		"https://evil.example/":      "/session/demo/",
		"javascript:alert(1)":        "/session/demo/",
		"/a\r\nSet-Cookie: x=y":      "/session/demo/",
		"/%zz":                       "/session/demo/",
		"/\x00":                      "/session/demo/",
		"/\u2028" + "x?" + "\u202e!": "/\u2028x?\u202e!",
	} {
		form := strings.NewReader(url.Values{"to": {to}}.Encode())
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/session/demo"+warming.WakePath, form)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if got := warming.ReturnTo(r, "/session/demo"); got != want {
			t.Errorf("ReturnTo(%q) = %q, want %q", to, got, want)
		}
	}
}

// What the failed page's form sends is what ReturnTo reads.
func TestFormLeadsBack(t *testing.T) {
	const target = `/session/demo/a%20b/?q="x"&y=%2F`
	r := get(t, "GET", "/")
	r.URL, _ = url.ParseRequestURI(target)
	w := httptest.NewRecorder()
	newPages(t, warming.Options{}).Failed(w, r, view(failed()), 502)
	doc, err := html.Parse(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{}
	action := ""
	for n := range doc.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		switch n.Data {
		case "form":
			action = attr["method"] + " " + attr["action"]
		case "input":
			form.Set(attr["name"], attr["value"])
		}
	}
	if want := "post /session/demo" + warming.WakePath; action != want {
		t.Errorf("form = %q, want %q", action, want)
	}
	post := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(form.Encode()))
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := warming.ReturnTo(post, "/session/demo"); got != target {
		t.Errorf("ReturnTo = %q, want %q", got, target)
	}
}

// Who waits in line for a start is told so, and when its turn comes.
func TestWaitingInLine(t *testing.T) {
	for left, want := range map[time.Duration]string{
		20 * time.Second: "In line for a start, its turn comes in about 20 s",
		-time.Second:     "Asking for a start",
	} {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			p, w := newPages(t, warming.Options{}), httptest.NewRecorder()
			b := &session.Backend{Phase: session.PhaseAsked, Began: now, LaunchAt: now.Add(left), Steps: []session.Step{{Phase: session.PhaseAsked, At: now}}}
			p.Warming(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody), warming.View{SessionID: "demo", Backend: b})
			if !strings.Contains(w.Body.String(), "<span>"+want+"</span>") {
				t.Errorf("with %s to its turn the page does not say %q", left, want)
			}
		})
	}
}
