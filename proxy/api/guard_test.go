package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/webordinary/warmgate/proxy/api"
)

const token = "correct-horse-battery-staple"

func TestGuard(t *testing.T) {
	t.Parallel()
	type header map[string]string
	bearer := "Bearer " + token
	for _, test := range []struct {
		name       string
		sameOrigin bool
		host       string
		header     header
		status     int
	}{
		{"token", false, "127.0.0.1:9090", header{"Authorization": bearer}, 200},
		{"token, scheme in lower case", false, "localhost:9090", header{"Authorization": "bearer " + token}, 200},
		{"token, by a listed name", false, "Admin.Example.com", header{"Authorization": bearer}, 200},
		{"token, by IPv6", false, "[::1]:9090", header{"Authorization": bearer}, 200},

		{"no token on loopback", false, "127.0.0.1:9090", nil, 401},
		{"wrong token", false, "127.0.0.1:9090", header{"Authorization": "Bearer wrong"}, 401},
		{"token with more", false, "127.0.0.1:9090", header{"Authorization": bearer + "x"}, 401},
		{"empty token", false, "127.0.0.1:9090", header{"Authorization": "Bearer "}, 401},
		{"another scheme", false, "127.0.0.1:9090", header{"Authorization": "Basic " + token}, 401},
		{"token in a cookie", false, "127.0.0.1:9090", header{"Cookie": "token=" + token}, 401},

		{"foreign name", false, "rebind.attacker.example:9090", header{"Authorization": bearer}, 421},
		{"foreign name that looks local", false, "localhost.attacker.example", header{"Authorization": bearer}, 421},
		{"foreign address", false, "10.0.0.1", header{"Authorization": bearer}, 421},
		{"no name", false, "", header{"Authorization": bearer}, 421},

		{"page of another site", false, "localhost", header{"Authorization": bearer, "Sec-Fetch-Site": "cross-site"}, 403},
		{"page of the same origin", false, "localhost", header{"Authorization": bearer, "Sec-Fetch-Site": "same-origin"}, 403},
		{"page with an origin only", false, "localhost", header{"Authorization": bearer, "Origin": "http://localhost"}, 403},
		{"sandboxed page", true, "localhost", header{"Authorization": bearer, "Origin": "null"}, 403},

		{"our page", true, "localhost:9090", header{"Authorization": bearer, "Sec-Fetch-Site": "same-origin"}, 200},
		{"our page posts", true, "localhost:9090", header{"Authorization": bearer, "Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:9090"}, 200},
		{"our page, no token", true, "localhost:9090", header{"Sec-Fetch-Site": "same-origin"}, 401},
		{"page on another port", true, "localhost:9090", header{"Authorization": bearer, "Sec-Fetch-Site": "same-site"}, 403},
		{"page on another port posts", true, "localhost:9090", header{"Authorization": bearer, "Origin": "http://localhost:8080"}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g, err := api.NewGuard(api.GuardOptions{
				Token: token, Hosts: []string{"admin.example.COM"}, SameOrigin: test.sameOrigin,
			})
			if err != nil {
				t.Fatal(err)
			}
			reached := false
			h := g.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
			r.Host = test.host
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.status || reached != (test.status == 200) {
				t.Errorf("status = %d, reached %t; want %d", w.Code, reached, test.status)
			}
			if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (test.status == 401) {
				t.Errorf("WWW-Authenticate = %q with status %d", challenge, w.Code)
			}
		})
	}
}

// TestSetHosts: the list is replaced, and loopback stays.
func TestSetHosts(t *testing.T) {
	t.Parallel()
	g, err := api.NewGuard(api.GuardOptions{Token: "token", Hosts: []string{"old.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	g.SetHosts([]string{"New.example.com"})
	h := g.Host(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, want := range map[string]int{"old.example.com": 421, "new.example.com": 200, "localhost": 200} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s = %d, want %d", host, w.Code, want)
		}
	}
}

func TestGuardNeedsAToken(t *testing.T) {
	t.Parallel()
	if _, err := api.NewGuard(api.GuardOptions{}); err == nil {
		t.Error("NewGuard without a token: no error")
	}
}
