package proxy

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// raw sends bytes on a connection of its own and reads the answer to a request
// of the given method, and whether the server closes afterwards.
func (b *bed) raw(method, text string) (res *http.Response, body string, closed bool) {
	b.t.Helper()
	conn, err := b.network.dial(b.t.Context(), "tcp", "warmgate:80")
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		b.t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, text) }()
	br := bufio.NewReader(conn)
	res, err = http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		b.t.Fatalf("%q: %v", text, err)
	}
	all, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatalf("%q: %v", text, err)
	}
	_, err = br.ReadByte()
	return res, string(all), errors.Is(err, io.EOF)
}

// upstreamSees serves one request line and headers through a ready session and
// returns what the upstream got.
func upstreamSees(t *testing.T, change func(*Options), target string, header map[string]string) *http.Request {
	t.Helper()
	var seen *http.Request
	bubble(t, func(t *testing.T) {
		b := newBed(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r }), change)
		b.ready()
		b.get(target, header)
	})
	if seen == nil {
		t.Fatalf("%s did not reach the upstream", target)
	}
	return seen
}

func TestForwardsThePathAsItCame(t *testing.T) {
	for in, want := range map[string]string{
		"/":                         "/",
		"/second?a=%3A;z&b=c+d&&e":  "/second?a=%3A;z&b=c+d&&e",
		"/a%2Fb%20c":                "/a%2Fb%20c",
		"//double//slash":           "//double//slash",
		"/@fs/abs/x.js?t=1":         "/@fs/abs/x.js?t=1",
		"/@id/__x00__virtual:thing": "/@id/__x00__virtual:thing",
		"/%E2%82%AC?q=%zz":          "/%E2%82%AC?q=%zz",
		"/x?token=a/b=&c":           "/x?token=a/b=&c",
	} {
		if got := upstreamSees(t, nil, "/session/demo"+in, nil).RequestURI; got != want {
			t.Errorf("%s went out as %s, want %s", in, got, want)
		}
	}
}

func TestKeepPrefix(t *testing.T) {
	table, err := route.NewTable([]route.Rule{sessionRule(route.Session{Prefix: route.PrefixKeep, Host: route.HostPreserve})})
	if err != nil {
		t.Fatal(err)
	}
	got := upstreamSees(t, func(o *Options) { o.Routes = table }, "/session/demo/a%2Fb?x=1", map[string]string{"Origin": "http://warmgate", "Referer": "http://warmgate/session/demo/"})
	if got.RequestURI != "/session/demo/a%2Fb?x=1" || got.Host != "warmgate" || got.Header.Get("Origin") != "http://warmgate" {
		t.Errorf("kept prefix went out as %s, Host %s, Origin %s", got.RequestURI, got.Host, got.Header.Get("Origin"))
	}
	if got := got.Header.Get("Referer"); got != "http://warmgate/session/demo/" {
		t.Errorf("Referer = %s", got)
	}
}

func TestRequestHeader(t *testing.T) {
	got := upstreamSees(t, nil, "/session/demo/x", map[string]string{
		"Connection": "X-Secret", "X-Secret": "1", "Keep-Alive": "1", "Te": "trailers, deflate", "Accept-Encoding": "gzip, br",
		"Origin": "http://warmgate", "Referer": "http://warmgate/session/demo/page?q=1", "X-Forwarded-For": "6.6.6.6",
		"X-Real-Ip": "6.6.6.6", "X-Forwarded-Prefix": "/evil", "Cookie": "a=1; b=2",
	})
	if got.Host != upstreamAddr {
		t.Errorf("Host = %s, want the upstream's", got.Host)
	}
	want := http.Header{
		"Accept-Encoding": {"identity"}, "Cookie": {"a=1; b=2"}, "Origin": {"http://" + upstreamAddr}, "Referer": {"http://" + upstreamAddr + "/page?q=1"},
		"Te": {"trailers"}, "User-Agent": {"Go-http-client/1.1"}, "Via": {"1.1 warmgate"}, "X-Forwarded-Host": {"warmgate"}, "X-Forwarded-Port": {"80"},
		"X-Forwarded-Prefix": {"/session/demo"}, "X-Forwarded-Proto": {"http"},
	}
	for _, name := range []string{"X-Request-Id", "X-Forwarded-For", "X-Amzn-Trace-Id"} {
		if len(got.Header[name]) != 1 {
			t.Errorf("%s = %v, want one", name, got.Header[name])
		}
		delete(got.Header, name)
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestForeignOriginIsNotOurs(t *testing.T) {
	got := upstreamSees(t, nil, "/session/demo/x", map[string]string{"Origin": "http://warmgate.evil.example", "Referer": "https://elsewhere.example/x"})
	if o, r := got.Header.Get("Origin"), got.Header.Get("Referer"); o != "http://warmgate.evil.example" || r != "https://elsewhere.example/x" {
		t.Errorf("Origin = %s, Referer = %s; want them unchanged", o, r)
	}
}

func TestResponseHeader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Connection", "X-Hop")
			h.Set("X-Hop", "1")
			h.Set("Keep-Alive", "timeout=5")
			h.Add("Set-Cookie", "a=1; Path=/; HttpOnly")
			h.Add("Set-Cookie", "b=2; Domain=example.com")
			h.Set("Location", "http://"+upstreamAddr+"/second")
			h.Set("Service-Worker-Allowed", "/")
			h.Set("Clear-Site-Data", `"*"`)
			w.WriteHeader(http.StatusFound)
		}), nil)
		b.ready()
		r := b.get("/session/demo/x", nil)
		for _, name := range []string{"X-Hop", "Keep-Alive", "Service-Worker-Allowed", "Clear-Site-Data"} {
			if v := r.Header.Get(name); v != "" {
				t.Errorf("%s = %q, want none", name, v)
			}
		}
		if got := r.Header.Get("Location"); got != "/session/demo/second" {
			t.Errorf("Location = %s", got)
		}
		if diff := cmp.Diff([]string{"a=1; Path=/session/demo/; HttpOnly", "b=2"}, r.Header["Set-Cookie"]); diff != "" && !strings.Contains(r.Header["Set-Cookie"][1], "Path=/session/demo/") {
			t.Errorf("Set-Cookie (-want +got):\n%s", diff)
		}
	})
}

// TestEncodedBodyIsPassedOn: nobody decompresses what the site compressed.
func TestEncodedBodyIsPassedOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Etag", `"v1"`)
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "hello")
			_ = z.Close()
		}), nil)
		b.ready()
		r := b.get("/session/demo/x.bin", nil)
		if r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Etag") != `"v1"` || strings.Contains(r.body, "hello") {
			t.Errorf("encoded answer = %v %q", r.Header, r.body)
		}
	})
}

func TestTrailersBothWays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, r.Trailer.Get("X-Check"))
			w.Header().Set("X-Sum", "42")
		}), nil)
		b.ready()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://warmgate/session/demo/x", io.MultiReader(strings.NewReader("body")))
		if err != nil {
			t.Fatal(err)
		}
		req.Trailer = http.Header{"X-Check": {"7"}}
		res, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if string(body) != "7" || res.Trailer.Get("X-Sum") != "42" {
			t.Errorf("trailers: request's %q, response's %q; want 7 and 42", body, res.Trailer.Get("X-Sum"))
		}
	})
}

func TestInformationalAnswers(t *testing.T) {
	hints := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</x.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "done")
	})
	bubble(t, func(t *testing.T) {
		b := newBed(t, hints, nil)
		b.ready()
		if res, _, _ := b.raw("GET", "GET /session/demo/x HTTP/1.1\r\nHost: warmgate\r\n\r\n"); res.StatusCode != http.StatusEarlyHints {
			t.Errorf("an HTTP/1.1 client saw %d first, want 103", res.StatusCode)
		}
		if res, body, _ := b.raw("GET", "GET /session/demo/x HTTP/1.0\r\nHost: warmgate\r\n\r\n"); res.StatusCode != http.StatusOK || body != "done" {
			t.Errorf("an HTTP/1.0 client saw %d %q, want 200 alone", res.StatusCode, body)
		}
	})
}

// TestStreamsAreFlushed: an event reaches the client when it is sent, and keeps
// the session in use.
func TestStreamsAreFlushed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for range 3 {
				_, _ = io.WriteString(w, "data: x\n\n")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(10 * time.Second)
			}
		}), nil)
		b.ready()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://warmgate/session/demo/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		res, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(res.Body)
		for i := range 3 {
			if !lines.Scan() || lines.Text() != "data: x" || !lines.Scan() {
				t.Fatalf("event %d = %q, %v", i, lines.Text(), lines.Err())
			}
			if got, want := time.Since(began), time.Duration(i)*10*time.Second; got != want {
				t.Errorf("event %d came after %v, want %v", i, got, want)
			}
		}
		if lines.Scan() {
			t.Errorf("more than three events: %q", lines.Text())
		}
		_ = res.Body.Close()
		if n := len(b.touches.kinds()); n != 3 {
			t.Errorf("%d activities, want 3: the request and two later events", n)
		}
	})
}

func TestWhatCountsAsActivity(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		header map[string]string
		method string
		want   []session.ActivityKind
	}{
		{"navigation", 200, navigation, "GET", []session.ActivityKind{session.Navigation}},
		{"reload by script", 200, map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}, "GET", []session.ActivityKind{session.Request}},
		{"navigation redirected", 302, navigation, "GET", []session.ActivityKind{session.Navigation}},
		{"navigation to an error", 500, navigation, "GET", nil},
		{"not found", 404, navigation, "GET", nil},
		{"script", 200, moduleScript, "GET", []session.ActivityKind{session.Request}},
		{"not modified", 304, moduleScript, "GET", []session.ActivityKind{session.Request}},
		{"refused", 403, moduleScript, "GET", nil},
		{"prefetch", 200, map[string]string{"Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "navigate"}, "GET", nil},
		{"head", 200, navigation, "HEAD", nil},
		{"unfurler", 200, map[string]string{"User-Agent": "Twitterbot/1.0"}, "GET", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tt.status) }), nil)
				b.ready()
				if r := b.do(t.Context(), tt.method, "/session/demo/", tt.header, nil); r.err != nil || r.StatusCode != tt.status {
					t.Fatalf("%v %v", r.Response, r.err)
				}
				if diff := cmp.Diff(tt.want, b.touches.kinds()); diff != "" {
					t.Errorf("activity (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestBarePathGetsItsSlash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		r := b.get("/session/demo?a=1;b", navigation)
		if r.StatusCode != http.StatusPermanentRedirect || r.Header.Get("Location") != "/session/demo/?a=1;b" {
			t.Errorf("bare path = %d to %q", r.StatusCode, r.Header.Get("Location"))
		}
		if b.backends.wakes.Load() != 0 {
			t.Error("the redirect woke the session")
		}
	})
}

// TestEscapedRequestIsLedBack: Referer -> 307 below the session's prefix, for
// requests that no other rule takes.
func TestEscapedRequestIsLedBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		for _, tt := range []struct {
			target, referer string
			status          int
			location        string
		}{
			{"/second?x=1", "http://warmgate/session/demo/page", 307, "/session/demo/second?x=1"},
			{"/src/a.js?t=1", "http://warmgate/session/demo/@vite/client", 307, "/session/demo/src/a.js?t=1"},
			{"/second", "http://elsewhere.example/session/demo/", 404, ""},
			{"/second", "http://warmgate/second", 404, ""},
			{"/second", "http://warmgate/session/demo/../x", 404, ""},
			{"/second", "", 404, ""},
		} {
			r := b.get(tt.target, map[string]string{"Referer": tt.referer, "Sec-Fetch-Dest": "script"})
			if r.StatusCode != tt.status || r.Header.Get("Location") != tt.location {
				t.Errorf("%s from %q = %d to %q, want %d to %q", tt.target, tt.referer, r.StatusCode, r.Header.Get("Location"), tt.status, tt.location)
			}
			if tt.status == 307 && (r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Vary") != "Referer") {
				t.Errorf("redirect's header = %v", r.Header)
			}
		}
	})
}

// TestCookieNeverRoutes: the same request with any cookie goes the same way.
func TestCookieNeverRoutes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.ready()
		r := b.get("/session/demo/x", map[string]string{"Cookie": "session=other; warmgate=other"})
		if r.body != "GET /x " || len(r.Header["Set-Cookie"]) != 0 {
			t.Errorf("with a cookie = %q, sets %v", r.body, r.Header["Set-Cookie"])
		}
		if r := b.get("/x", map[string]string{"Cookie": "session=demo"}); r.StatusCode != 404 {
			t.Errorf("a root path with a cookie = %d, want 404", r.StatusCode)
		}
	})
}
