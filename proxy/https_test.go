package proxy

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/route"
)

func TestToHTTPS(t *testing.T) {
	for _, tt := range []struct {
		name     string
		https    HTTPS
		peer     string
		host     string
		header   map[string]string
		tls      bool
		status   int
		location string
		strict   string
	}{
		{"off", HTTPS{}, "192.0.2.1:1", "edit.example.com", nil, false, 200, "", ""},
		{"plain", HTTPS{Redirect: 308}, "192.0.2.1:1", "edit.example.com:8080", nil, false, 308, "https://edit.example.com/session/demo/a%2Fb?x=1;y", ""},
		{"another port", HTTPS{Redirect: 301, Port: 8443}, "192.0.2.1:1", "edit.example.com", nil, false, 301, "https://edit.example.com:8443/session/demo/a%2Fb?x=1;y", ""},
		{"IPv6", HTTPS{Redirect: 308, Port: 8443}, "192.0.2.1:1", "[::1]:8080", nil, false, 308, "https://[::1]:8443/session/demo/a%2Fb?x=1;y", ""},
		{"over TLS", HTTPS{Redirect: 308, StrictTransport: "max-age=1"}, "192.0.2.1:1", "edit.example.com", nil, true, 200, "", "max-age=1"},
		{"a trusted proxy's TLS", HTTPS{Redirect: 308, StrictTransport: "max-age=1"}, "10.0.0.1:1", "edit.example.com", map[string]string{"X-Forwarded-Proto": "https"}, false, 200, "", "max-age=1"},
		{"a stranger's claim", HTTPS{Redirect: 308}, "192.0.2.1:1", "edit.example.com", map[string]string{"X-Forwarded-Proto": "https"}, false, 308, "https://edit.example.com/session/demo/a%2Fb?x=1;y", ""},
		{"a listed host", HTTPS{Redirect: 308, Hosts: []string{"EDIT.example.com"}}, "192.0.2.1:1", "edit.example.com", nil, false, 308, "https://edit.example.com/session/demo/a%2Fb?x=1;y", ""},
		{"below a listed host", HTTPS{Redirect: 308, Hosts: []string{"*.example.com"}}, "192.0.2.1:1", "a.b.example.com", nil, false, 308, "https://a.b.example.com/session/demo/a%2Fb?x=1;y", ""},
		{"not below it", HTTPS{Redirect: 308, Hosts: []string{"*.example.com"}}, "192.0.2.1:1", "example.com", nil, false, 200, "", ""},
		{"another host", HTTPS{Redirect: 308, Hosts: []string{"edit.example.com"}}, "192.0.2.1:1", "xedit.example.com", nil, false, 200, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Strict-Transport-Security", "max-age=99")
				}), nil)
				b.ready()
				b.handler.Configure(Settings{TrustedProxies: testTrust, HTTPS: tt.https})
				r := httptest.NewRequest(http.MethodGet, "http://"+tt.host+"/session/demo/a%2Fb?x=1;y", http.NoBody)
				r.RemoteAddr = tt.peer
				for k, v := range tt.header {
					r.Header.Set(k, v)
				}
				if tt.tls {
					r.TLS = &tls.ConnectionState{}
				}
				w := httptest.NewRecorder()
				b.handler.ServeHTTP(w, r)
				if got := w.Header().Get("Location"); w.Code != tt.status || got != tt.location {
					t.Errorf("answer = %d to %q, want %d to %q", w.Code, got, tt.status, tt.location)
				}
				if got := w.Header().Values("Strict-Transport-Security"); tt.strict != "" && (len(got) != 1 || got[0] != tt.strict) {
					t.Errorf("Strict-Transport-Security = %q, want %q alone", got, tt.strict)
				}
			})
		})
	}
}

// TestRuleOfStrictTransport: what a rule says of the field takes the place of the
// general one, also in an upstream's answer, and behind an informational one.
func TestRuleOfStrictTransport(t *testing.T) {
	for name, tt := range map[string]struct {
		edits route.ResponseHeaders
		want  []string
	}{
		"general": {route.ResponseHeaders{}, []string{"max-age=1"}},
		"set":     {route.ResponseHeaders{Set: map[string]string{"Strict-Transport-Security": "max-age=7"}}, []string{"max-age=7"}},
		"removed": {route.ResponseHeaders{Remove: []string{"Strict-Transport-Security"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := rule(1, "/api/*", toAPI)
				r.ResponseHeaders = tt.edits
				b := rulesBed(t, seen, r)
				b.handler.Configure(Settings{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, HTTPS: HTTPS{StrictTransport: "max-age=1"}})
				req := httptest.NewRequest(http.MethodGet, "http://warmgate/api/x", http.NoBody)
				req.RemoteAddr = "192.0.2.1:1"
				req.Header.Set("X-Forwarded-Proto", "https")
				w := httptest.NewRecorder()
				b.handler.ServeHTTP(w, req)
				if diff := cmp.Diff(tt.want, w.Result().Header["Strict-Transport-Security"]); diff != "" {
					t.Errorf("Strict-Transport-Security (-want +got):\n%s", diff)
				}
			})
		})
	}
}
