package proxy

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/route"
)

// TestHostsAreTranslated: which Host, Origin, Referer and X-Forwarded-* the site
// sees, and where its redirect to itself leads.
func TestHostsAreTranslated(t *testing.T) {
	const site = upstreamAddr
	type seen struct{ Host, Origin, Referer, Proto, ForwardedHost, Port, Prefix, Location string }
	for _, tt := range []struct {
		name   string
		peer   string
		action route.Action
		host   string
		header map[string]string
		want   seen
	}{
		{
			"session", "192.0.2.9:1", &route.Session{Pool: "edit", AllowGuessable: true}, "localhost:8080",
			map[string]string{"Origin": "http://localhost:8080", "Referer": "http://localhost:8080/session/demo/a"},
			seen{site, "http://" + site, "http://" + site + "/a", "http", "localhost:8080", "8080", "/session/demo", "/session/demo/next"},
		},
		{
			"session, TLS in front", "10.0.0.9:1", &route.Session{Pool: "edit", AllowGuessable: true}, "edit.example.com",
			map[string]string{"Origin": "https://edit.example.com", "Referer": "https://edit.example.com/session/demo/", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"},
			seen{site, "http://" + site, "http://" + site + "/", "https", "edit.example.com", "443", "/session/demo", "/session/demo/next"},
		},
		{
			"session, IPv6", "192.0.2.9:1", &route.Session{Pool: "edit", AllowGuessable: true}, "[::1]:8080",
			map[string]string{"Origin": "http://[::1]:8080", "Referer": "http://[::1]:8080/session/demo/"},
			seen{site, "http://" + site, "http://" + site + "/", "http", "[::1]:8080", "8080", "/session/demo", "/session/demo/next"},
		},
		{
			"session, IPv6 without a port", "10.0.0.9:1", &route.Session{Pool: "edit", AllowGuessable: true}, "[::1]",
			map[string]string{"Origin": "http://[::1]", "X-Forwarded-Port": "8443"},
			seen{site, "http://" + site, "", "http", "[::1]", "8443", "/session/demo", "/session/demo/next"},
		},
		{
			"session, other origin", "192.0.2.9:1", &route.Session{Pool: "edit", AllowGuessable: true}, "localhost:8080",
			map[string]string{"Origin": "http://localhost:80801", "Referer": "http://localhost/session/demo/a"},
			seen{site, "http://localhost:80801", "http://localhost/session/demo/a", "http", "localhost:8080", "8080", "/session/demo", "/session/demo/next"},
		},
		{
			"session, no origin", "192.0.2.9:1", &route.Session{Pool: "edit", AllowGuessable: true}, "localhost:8080",
			map[string]string{"Origin": "null"},
			seen{site, "null", "", "http", "localhost:8080", "8080", "/session/demo", "/session/demo/next"},
		},
		{
			"session that keeps prefix and host", "192.0.2.9:1", &route.Session{Pool: "edit", Prefix: route.PrefixKeep, Host: route.HostPreserve, AllowGuessable: true}, "localhost:8080",
			map[string]string{"Origin": "http://localhost:8080", "Referer": "http://localhost:8080/session/demo/a"},
			seen{"localhost:8080", "http://localhost:8080", "http://localhost:8080/session/demo/a", "http", "localhost:8080", "8080", "", "http://" + site + "/next"},
		},
		{
			"forward", "192.0.2.9:1", route.ForwardTo("http://" + site), "localhost:8080",
			map[string]string{"Origin": "http://localhost:8080", "Referer": "http://localhost:8080/a"},
			seen{"localhost:8080", "http://localhost:8080", "http://localhost:8080/a", "http", "localhost:8080", "8080", "", "http://" + site + "/next"},
		},
		{
			"forward with the site's host", "192.0.2.9:1", withSitesHost(route.ForwardTo("http://" + site)), "localhost:8080",
			map[string]string{"Origin": "http://localhost:8080", "Referer": "http://localhost:8080/a"},
			seen{site, "http://" + site, "http://" + site + "/a", "http", "localhost:8080", "8080", "", "/next"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, err := route.NewTable([]route.Rule{{
				Priority: 1, Action: tt.action,
				Conditions: route.Conditions{Path: route.Patterns{Values: []string{"/session/*"}}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			bubble(t, func(t *testing.T) {
				var got seen
				b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h := r.Header
					got = seen{
						r.Host, h.Get("Origin"), h.Get("Referer"), h.Get("X-Forwarded-Proto"),
						h.Get("X-Forwarded-Host"), h.Get("X-Forwarded-Port"), h.Get("X-Forwarded-Prefix"), "",
					}
					http.Redirect(w, r, "http://"+site+"/next", http.StatusFound)
				}), func(o *Options) { o.Routes = table })
				b.ready()
				r := httptest.NewRequest(http.MethodGet, "http://"+tt.host+"/session/demo/x", http.NoBody)
				r.RemoteAddr = tt.peer
				for k, v := range tt.header {
					r.Header.Set(k, v)
				}
				w := httptest.NewRecorder()
				b.handler.Configure(Settings{TrustedProxies: testTrust})
				b.handler.ServeHTTP(w, r)
				got.Location = w.Header().Get("Location")
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("the site saw (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestDefaultPortStaysOut: a site that is named without a port is asked for
// without one, and found.
func TestDefaultPortStaysOut(t *testing.T) {
	table, err := route.NewTable([]route.Rule{{Default: true, Action: withSitesHost(route.ForwardTo("http://10.0.0.1", "http://[2001:db8::1]"))}})
	if err != nil {
		t.Fatal(err)
	}
	bubble(t, func(t *testing.T) {
		b := newBed(t, nil, func(o *Options) { o.Routes = table })
		host := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Host)) })
		b.serve("10.0.0.1:80", host)
		b.serve("[2001:db8::1]:80", host)
		seen := map[string]bool{}
		for range 4 {
			seen[b.get("/x", nil).body] = true
		}
		if want := map[string]bool{"10.0.0.1": true, "[2001:db8::1]": true}; !cmp.Equal(seen, want) {
			t.Errorf("the sites saw Host %v, want %v", seen, want)
		}
	})
}

// TestNoTypeIsGuessed: an answer without Content-Type stays one.
func TestNoTypeIsGuessed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = w.Write([]byte("<script>alert(1)</script>"))
		}), nil)
		b.ready()
		if r := b.get("/session/demo/x", nil); r.Header["Content-Type"] != nil || r.body != "<script>alert(1)</script>" {
			t.Errorf("answer = %v %q", r.Header, r.body)
		}
	})
}

// withSitesHost has the rule ask the site by its own name.
func withSitesHost(f *route.Forward) *route.Forward {
	f.Host = route.HostUpstream
	return f
}
