package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// TestGuessableIDs: a rule serves ids that do not look random only if it says so;
// from outside the others look like any unknown id.
func TestGuessableIDs(t *testing.T) {
	const random = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
	bubble(t, func(t *testing.T) {
		b := rulesBed(t, seen,
			rule(1, "/closed/*", &route.Session{Pool: "edit"}),
			rule(2, "/open/*", &route.Session{Pool: "edit", AllowGuessable: true}))
		b.addSession(random, session.Inactive)
		for target, want := range map[string]int{
			"/open/demo/x": 200, "/open/" + random + "/x": 200, "/closed/" + random + "/x": 200,
			"/closed/demo/x": 404, "/closed/nobody/x": 404,
		} {
			got := b.get(target, moduleScript)
			if got.StatusCode != want {
				t.Errorf("%s = %d, want %d", target, got.StatusCode, want)
			}
			explained := b.handler.Explain(mustRequest(t, target)).Action
			if guessed := strings.Contains(explained.Reason, "guessed"); guessed != (want == 404) {
				t.Errorf("%s is explained by %q", target, explained.Reason)
			}
		}
	})
}

func mustRequest(t *testing.T, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://warmgate"+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:1"
	return r
}

// TestTemplateKeepsClientsApart: a-b and c make the same id as a and b-c; the
// session belongs to one of them.
func TestTemplateKeepsClientsApart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := rulesBed(t, seen, rule(15, "/session/*", &route.Session{
			Pool: "edit", AllowGuessable: true, Template: "{client}-{thread}",
			ID: []route.IDSource{"host:edit.{client}.example.com", "path:{thread}"},
		}))
		s := session.Session{ID: "a-b-c", ClientID: "A-b", Status: session.Inactive, Pool: "edit"}
		s.CreatedAt, s.ExpiresAt, s.Generation = time.Now(), time.Now().Add(time.Hour), 1
		if err := b.store.Create(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			host, thread string
			status       int
		}{
			{"edit.a-b.example.com", "c", 200},
			{"edit.a.example.com", "b-c", 404},
			{"edit.example.com", "c", 404},
		} {
			res, _, _ := b.raw("GET", "GET /session/"+tt.thread+"/x HTTP/1.1\r\nHost: "+tt.host+"\r\nConnection: close\r\n\r\n")
			if res.StatusCode != tt.status {
				t.Errorf("%s, thread %s = %d, want %d", tt.host, tt.thread, res.StatusCode, tt.status)
			}
		}
	})
}
