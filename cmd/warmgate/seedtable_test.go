package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// seedConfig is the load balancer's table that Warmgate takes the place of, in one
// file.
const seedConfig = `
pools:
  edit:
    key: "{session}"
    driver: static
    port: 4321
    ports: { "/api/*": %[2]s }
    static: { addresses: ["127.0.0.1:%[1]s"] }
routes:
  - { priority: 4,  path: ["/hermes/api/sessions/*"], management: {} }
  - { priority: 5,  path: ["/hermes/*"],  forward: { urls: ["http://127.0.0.1:%[3]s"] } }
  - { priority: 10, path: ["/api/*"],     session: { pool: edit, port: %[2]s, id: ["header:X-Session-ID", hint], allow_guessable: true } }
  - { priority: 15, path: ["/session/*"], session: { pool: edit, prefix: strip, allow_guessable: true } }
  - { priority: 20, path: ["/preview/*", "/_astro/*"], session: { pool: edit, id: [hint], allow_guessable: true } }
  - { priority: 30, path: ["/ws/*"],      session: { pool: edit, id: [hint], allow_guessable: true } }
  - { default: true, static: { s3: edit.example.com, region: us-west-2, endpoint: "%[4]s" } }
`

// part is an upstream that tells its name and what it was asked for; the site has a
// socket, too.
func part(t *testing.T, name string) (port string) {
	t.Helper()
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: []string{"chat"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case websocket.IsWebSocketUpgrade(r):
			c, err := upgrader.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			_ = c.WriteMessage(websocket.TextMessage, []byte(name+" "+r.URL.String()))
			_ = c.Close()
		case r.URL.Path == "/@vite/client":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(w, "const wsToken = \"T-"+name+"\";\n")
		default:
			_, _ = io.WriteString(w, name+" "+r.RequestURI)
		}
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// fakeS3 has one bucket with some objects.
func fakeS3(t *testing.T) (endpoint string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := map[string]string{
			"/edit.example.com/index.html": "home", "/edit.example.com/about/index.html": "about", "/edit.example.com/404.html": "none",
		}[r.URL.Path]
		if !ok || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKID/") {
			w.WriteHeader(http.StatusForbidden) // as S3 does where listing is denied
			_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code></Error>")
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestSeedTable(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	s := start(t, fmt.Sprintf(seedConfig, part(t, "site"), part(t, "api"), part(t, "hermes"), fakeS3(t)))
	defer s.end()
	token, err := os.ReadFile(filepath.Join(s.folder, ".warmgate", "token"))
	if err != nil {
		t.Fatal(err)
	}
	bearer := "Bearer " + strings.TrimSpace(string(token))
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ask := func(method, target, body string, header ...string) (status int, text string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.public+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		all, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header.Get("Location") + string(all)
	}

	// An id of the existing system's shape, escaped wherever it stands in a path.
	const id, escaped = "acme#ann@example.com#t1", "acme%23ann@example.com%23t1"
	status, text := ask("POST", "/hermes/api/sessions/activate", `{"clientId":"acme","userId":"ann","sessionId":"`+id+`"}`,
		"Authorization", bearer, "Content-Type", "application/json")
	if status != 201 || !strings.Contains(text, s.public+"/session/"+escaped+"/") {
		t.Fatalf("activate = %d %s, want 201 with the preview URL", status, text)
	}
	referer := s.public + "/session/" + escaped + "/page"

	for _, tt := range []struct {
		rule, target string
		header       []string
		status       int
		want         string // Location and body
	}{
		{"4", "/hermes/api/sessions/" + escaped + "/status", []string{"Authorization", bearer}, 200, `"` + id + `"`},
		{"4", "/hermes/api/sessions/client/acme", []string{"Authorization", bearer}, 200, `"` + id + `"`},
		{"4", "/hermes/api/sessions/" + escaped + "/status", nil, 401, ""},
		{"5", "/hermes/health", nil, 200, "hermes /hermes/health"},
		{"5", "/hermes/api/sessionsx", nil, 200, "hermes /hermes/api/sessionsx"},
		{"10", "/api/things?q=1", []string{"X-Session-ID", id}, 200, "api /api/things?q=1"},
		{"10", "/api/things", []string{"X-Session-ID", "unknown"}, 404, ""},
		{"10", "/api/things", nil, 404, ""},
		{"10", "/api/things?q=1", []string{"Referer", referer}, 307, "/session/" + escaped + "/api/things?q=1"},
		{"15", "/session/" + escaped + "/page?x=1", nil, 200, "site /page?x=1"},
		{"15", "/session/acme%23ann%40example.com%23t1/page", nil, 200, "site /page"},
		{"15", "/session/" + escaped + "/api/things", nil, 200, "api /api/things"},
		{"15", "/session/" + escaped + "/apis", nil, 200, "site /apis"},
		{"15", "/session/" + escaped, nil, 308, "/session/" + escaped + "/"},
		{"15", "/session/acme%2523ann@example.com%2523t1/", nil, 404, ""},
		{"15", "/session/acme%2Fann/", nil, 404, ""},
		{"15", "/session/nobody/", nil, 404, ""},
		{"20", "/preview/a.png", []string{"Referer", referer}, 307, "/session/" + escaped + "/preview/a.png"},
		{"20", "/_astro/a.css", []string{"Referer", referer}, 307, "/session/" + escaped + "/_astro/a.css"},
		{"20", "/_astro/a.css", nil, 404, ""},
		{"20", "/_astro/a.css", []string{"Referer", s.public + "/about/"}, 404, ""},
		{"default", "/", nil, 200, "home"},
		{"default", "/about", nil, 301, "/about/"},
		{"default", "/nothing", nil, 404, "none"},
		{"default", "/session", nil, 404, "none"},
	} {
		status, text := ask("GET", tt.target, "", tt.header...)
		matches := tt.want == "" || text == tt.want
		if strings.HasPrefix(tt.want, `"`) {
			matches = strings.Contains(text, tt.want) // of a JSON document
		}
		if status != tt.status || !matches {
			t.Errorf("rule %s: %s %v = %d %.120s, want %d %s", tt.rule, tt.target, tt.header, status, text, tt.status, tt.want)
		}
	}

	// Rule 30: a socket outside of the prefix, found by the token that the site's page
	// was given.
	socket := func(target string) (string, int) {
		t.Helper()
		d := websocket.Dialer{Subprotocols: []string{"chat"}}
		c, res, err := d.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.public, "http")+target, http.Header{"Origin": {s.public}})
		if res != nil {
			defer res.Body.Close()
		}
		if err != nil {
			return "", res.StatusCode
		}
		defer c.Close()
		_, message, err := c.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		return string(message), res.StatusCode
	}
	if got, status := socket("/ws/live?token=T-site"); status != 404 {
		t.Errorf("a token that nobody has given out = %d %s, want 404", status, got)
	}
	if status, text := ask("GET", "/session/"+escaped+"/@vite/client", ""); status != 200 || !strings.Contains(text, "T-site") {
		t.Fatalf("the client = %d %s", status, text)
	}
	if got, status := socket("/ws/live?token=T-site"); status != 101 || got != "site /ws/live?token=T-site" {
		t.Errorf("rule 30: socket = %d %s", status, got)
	}
	if _, status := socket("/ws/live?token=other"); status != 404 {
		t.Errorf("rule 30: another token = %d, want 404", status)
	}
	if status, _ := ask("GET", "/ws/live?token=T-site", ""); status != 404 {
		t.Errorf("rule 30: a token without a socket = %d, want 404", status)
	}
}
