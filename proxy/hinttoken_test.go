package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

const clientScript = "import '/x'\nconst wsToken = \"T0ken_-\";\nconst base = \"/\";\n"

// viteSite is a dev server: its client, with a validator, and its socket.
func viteSite(seen *[]string) http.Handler {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: []string{"vite-hmr"}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = append(*seen, r.RequestURI+" "+r.Header.Get("If-None-Match"))
		switch {
		case websocket.IsWebSocketUpgrade(r):
			if c, err := upgrader.Upgrade(w, r, nil); err == nil {
				_, _, _ = c.ReadMessage() // until the other side has gone
				_ = c.Close()
			}
		case r.Header.Get("If-None-Match") == `"v"`:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("Content-Type", "text/javascript")
			w.Header().Set("Etag", `"v"`)
			_, _ = io.WriteString(w, clientScript)
		}
	})
}

// handshake asks for an HMR socket.
func (b *bed) handshake(host, target string) (status int) {
	b.t.Helper()
	res, _, _ := b.raw("GET", "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nOrigin: http://"+host+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: vite-hmr\r\n\r\n")
	return res.StatusCode
}

// TestSocketsByToken: a socket at the root of the host, as Vite's client opens it
// where nothing is rewritten, finds its session by the token in its URL.
func TestSocketsByToken(t *testing.T) {
	for _, prefix := range []route.PrefixMode{route.PrefixStrip, route.PrefixKeep} {
		bubble(t, func(t *testing.T) {
			var seen []string
			b := rulesBed(t, viteSite(&seen),
				sessionRule(route.Session{Prefix: prefix, NoRewrite: true}),
				rule(30, "/ws/*", &route.Session{Pool: "edit", ID: []route.IDSource{route.SourceHint}, AllowGuessable: true}),
				route.Rule{Default: true, Action: &route.FixedResponse{StatusCode: 404}})
			b.ready()
			want := func(what, host, target string, status int, upstream string) {
				t.Helper()
				seen = nil
				got := b.handshake(host, target)
				if asked := strings.TrimSpace(strings.Join(seen, ",")); got != status || asked != upstream {
					t.Errorf("%s: %s = %d, upstream asked for %q, want %d, %q", what, target, got, asked, status, upstream)
				}
			}
			want("not given out yet", "warmgate", "/?token=T0ken_-", 404, "")
			b.get("/session/demo/@vite/client", moduleScript)
			want("at the root", "warmgate", "/?token=T0ken_-", 101, "/?token=T0ken_-")
			want("at a rule with a hint", "warmgate", "/ws/x?token=T0ken_-", 101, "/ws/x?token=T0ken_-")
			want("another token", "warmgate", "/?token=T0ken", 404, "")
			want("no token", "warmgate", "/ws/x", 404, "")
			want("another host", "elsewhere", "/?token=T0ken_-", 404, "")

			// Another site that writes the token into its own client gains nothing.
			b.handler.tokens.learn("T0ken_-", tokenPage{id: "other", host: "warmgate", prefix: "/session/other"})
			want("claimed by another", "warmgate", "/?token=T0ken_-", 101, "/?token=T0ken_-")
			if got := b.get("/?token=T0ken_-", nil); got.StatusCode != 404 {
				t.Errorf("a token without a socket = %d, want 404", got.StatusCode)
			}
		})
	}
}

// TestTokenIsAskedFor: a browser that has the client already does not keep its
// token from a proxy that was started again.
func TestTokenIsAskedFor(t *testing.T) {
	for _, noRewrite := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			var seen []string
			b := rulesBed(t, viteSite(&seen),
				sessionRule(route.Session{NoRewrite: noRewrite}),
				rule(30, "/ws/*", &route.Session{Pool: "edit", ID: []route.IDSource{route.SourceHint}, AllowGuessable: true}))
			b.ready()
			header := map[string]string{"If-None-Match": `"v"`}
			first := b.get("/session/demo/@vite/client", header)
			second := b.get("/session/demo/@vite/client", header)
			if first.StatusCode != 200 || second.StatusCode != 304 {
				t.Errorf("the client = %d, then %d, want 200, then 304; asked for %q", first.StatusCode, second.StatusCode, seen)
			}
		})
	}
}

// TestTokenBody: the token is found however the script arrives, and the script is
// not changed.
func TestTokenBody(t *testing.T) {
	for _, tt := range []struct{ script, want string }{
		{clientScript, "T0ken_-"},
		{"const wsToken = \"\";", ""},
		{"const wsToken = \"" + strings.Repeat("x", maxToken+1) + "\"", ""},
		{"const wsToken = \"open", ""},
		{strings.Repeat("const wsToken ", 1000) + clientScript, "T0ken_-"},
		{"nothing", ""},
	} {
		for _, reader := range []io.Reader{strings.NewReader(tt.script), iotest.OneByteReader(strings.NewReader(tt.script)), iotest.HalfReader(strings.NewReader(tt.script))} {
			var got string
			text, err := io.ReadAll(&tokenBody{ReadCloser: io.NopCloser(reader), found: func(token string) { got += token }})
			if err != nil || string(text) != tt.script || got != tt.want {
				t.Errorf("%.30s: found %q, want %q; %v", tt.script, got, tt.want, err)
			}
		}
	}
}

// TestEscapedID: a session whose id cannot stand in a path as it is.
func TestEscapedID(t *testing.T) {
	const id, path = session.ID("acme#ann@x#t1"), "/session/acme%23ann@x%23t1"
	bubble(t, func(t *testing.T) {
		var referer, prefix string
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			referer, prefix = r.Header.Get("Referer"), r.Header.Get("X-Forwarded-Prefix")
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Set-Cookie", "a=1; Path=/")
			w.Header().Set("X-Path", r.RequestURI)
			_, _ = io.WriteString(w, `<!doctype html><html><head></head><a href="/x">x</a></html>`)
		}), nil)
		b.addSession(id, session.Inactive)
		b.backends.delay = 5e9
		page := b.get(path+"/a?b", navigation)
		if page.StatusCode != 503 || !strings.Contains(page.body, path+"/.warmgate/") {
			t.Errorf("warming page = %d, want 503 with its events below %s:\n%s", page.StatusCode, path, page.body)
		}
		if got := b.get(path, nil); got.StatusCode != 308 || got.Header.Get("Location") != path+"/" {
			t.Errorf("without a slash = %d %s", got.StatusCode, got.Header.Get("Location"))
		}
		got := b.get(path+"/a%2Fb?c", map[string]string{"Sec-Fetch-Mode": "cors", "Referer": "http://warmgate" + path + "/page"})
		if got.StatusCode != 200 || got.Header.Get("X-Path") != "/a%2Fb?c" || prefix != path || referer != "http://"+upstreamAddr+"/page" ||
			!strings.Contains(got.Header.Get("Set-Cookie"), "Path="+path+"/") || !strings.Contains(got.body, `href="`+path+`/x"`) {
			t.Errorf("site = %d %v, prefix %s, referer %s\n%s", got.StatusCode, got.Header, prefix, referer, got.body)
		}
		if got := b.get("/x", map[string]string{"Referer": "http://warmgate" + path + "/page"}); got.StatusCode != 307 || got.Header.Get("Location") != path+"/x" {
			t.Errorf("hint = %d %s", got.StatusCode, got.Header.Get("Location"))
		}
		for _, wrong := range []string{
			"/session/acme%2523ann@x%2523t1/", "/session/acme%23ann@x%23t1%2Fpage/", "/session/acme%23ann@x%23t1%00/", "/session/acme", "/session/%61cme%23ann@x%23t1/",
		} {
			if got := b.get(wrong, map[string]string{"Sec-Fetch-Mode": "cors"}); got.StatusCode != 404 && got.StatusCode != 400 && got.StatusCode != 308 {
				t.Errorf("%s = %d, want a refusal", wrong, got.StatusCode)
			}
		}
		if res, _, _ := b.raw("GET", "GET /session/acme#ann@x#t1/ HTTP/1.1\r\nHost: w\r\n\r\n"); res.StatusCode != 400 {
			t.Errorf("a # in the path = %d, want 400", res.StatusCode)
		}
	})
}

// TestTokensOfManySessions: a site that gives out any number of tokens takes and
// pushes out no other's, and whose token was pushed out is asked for it again.
func TestTokensOfManySessions(t *testing.T) {
	known := newTokens()
	demo := tokenPage{id: "demo", host: "w", prefix: "/session/demo"}
	known.learn("demo's", tokenPage{id: "demo", host: "elsewhere"})
	known.learn("demo's", demo)
	known.learn("demo's", tokenPage{id: "loud", host: "w"})
	for i := range 2 * maxTokens {
		known.learn(strconv.Itoa(i), tokenPage{id: "loud", host: "w"})
	}
	if page, ok := known.page(httptest.NewRequest(http.MethodGet, "http://w/?token=demo's", http.NoBody)); !ok || page != demo {
		t.Errorf("the token's page = %+v, %v, want %+v", page, ok, demo)
	}
	if n := known.pages.Len(); n != 2 {
		t.Errorf("%d tokens of 2 sessions are kept", n)
	}
	for i := range maxTokens {
		known.learn("of "+strconv.Itoa(i), tokenPage{id: strconv.Itoa(i), host: "w"})
	}
	if known.pages.Contains("demo's") || known.bySession.Contains("demo") {
		t.Error("demo's token is thought to be known after it was pushed out")
	}
}
