package proxy

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var testTrust = trust{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestOriginOf(t *testing.T) {
	for _, tt := range []struct {
		name   string
		peer   string
		header map[string][]string
		tls    bool
		client string
		scheme string
	}{
		{"direct", "192.0.2.1:1000", nil, false, "192.0.2.1", "http"},
		{"direct over TLS", "192.0.2.1:1000", nil, true, "192.0.2.1", "https"},
		{"a stranger's claims", "192.0.2.1:1000", map[string][]string{"X-Forwarded-For": {"1.1.1.1"}, "X-Forwarded-Proto": {"https"}}, false, "192.0.2.1", "http"},
		{"one trusted hop", "10.0.0.9:1", map[string][]string{"X-Forwarded-For": {"198.51.100.7"}, "X-Forwarded-Proto": {"https"}}, false, "198.51.100.7", "https"},
		{"the client lies to the trusted hop", "10.0.0.9:1", map[string][]string{"X-Forwarded-For": {"1.1.1.1, 198.51.100.7"}}, false, "198.51.100.7", "http"},
		{"two trusted hops, two lines", "10.0.0.9:1", map[string][]string{"X-Forwarded-For": {"1.1.1.1, 198.51.100.7", "10.1.1.1"}}, false, "198.51.100.7", "http"},
		{"garbage ends the chain", "10.0.0.9:1", map[string][]string{"X-Forwarded-For": {"198.51.100.7, unknown"}}, false, "10.0.0.9", "http"},
		{"with ports and brackets", "[fd00::1]:1", map[string][]string{"X-Forwarded-For": {"[2001:db8::1]:4711"}}, false, "2001:db8::1", "http"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.9]:1", map[string][]string{"X-Forwarded-For": {"198.51.100.7"}}, false, "198.51.100.7", "http"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			maps.Copy(r.Header, tt.header)
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			o := testTrust.originOf(r)
			if o.client.String() != tt.client || o.scheme() != tt.scheme {
				t.Errorf("originOf = %s %s, want %s %s", o.client, o.scheme(), tt.client, tt.scheme)
			}
		})
	}
}

func TestSetForwarded(t *testing.T) {
	spoofed := http.Header{
		"X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Host": {"evil"}, "X-Forwarded-Prefix": {"/x"}, "X-Forwarded-Server": {"y"},
		"X-Real-Ip": {"6.6.6.6"}, "Forwarded": {"for=6.6.6.6"}, "X_forwarded_for": {"6.6.6.6"}, "X.forwarded.for": {"6.6.6.6"},
		"X-Forwarded_port": {"1"}, "X-Amzn_oidc.data": {"6"}, "X-Other": {"kept"}, "Accept": {"*/*"},
	}
	for _, tt := range []struct {
		name string
		peer string
		want http.Header
	}{
		{"from a stranger", "192.0.2.1:1", http.Header{
			"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"edit.example.com:8080"},
			"X-Forwarded-Port": {"8080"}, "X-Request-Id": {"id-1"}, "X-Amzn-Trace-Id": {"Root=1"}, "X-Other": {"kept"}, "Accept": {"*/*"},
		}},
		{"from a trusted hop", "10.0.0.9:1", http.Header{
			"X-Forwarded-For": {"6.6.6.6, 10.0.0.9"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"edit.example.com:8080"},
			"X-Forwarded-Port": {"8080"}, "X-Request-Id": {"id-1"}, "X-Amzn-Trace-Id": {"Root=1"}, "X-Other": {"kept"}, "Accept": {"*/*"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://edit.example.com:8080/", nil)
			r.RemoteAddr = tt.peer
			r.Header = spoofed.Clone()
			out := spoofed.Clone()
			o := testTrust.originOf(r)
			o.setForwarded(out, r, &Forwarded{}, ours{id: "id-1", trace: "Root=1"})
			if diff := cmp.Diff(tt.want, out); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

// TestForwardedModes: what the site is told of the client's address, as the ALB's
// attributes have it.
func TestForwardedModes(t *testing.T) {
	for _, tt := range []struct {
		name      string
		forwarded Forwarded
		peer      string
		came      []string
		want      []string
	}{
		{"append, nothing came", Forwarded{}, "10.0.0.9:4711", nil, []string{"10.0.0.9"}},
		{"append", Forwarded{Mode: ForwardedAppend}, "10.0.0.9:4711", []string{"192.0.2.1, 192.0.2.2", "192.0.2.3"}, []string{"192.0.2.1, 192.0.2.2, 192.0.2.3, 10.0.0.9"}},
		{"append to a stranger's", Forwarded{}, "198.51.100.1:4711", []string{"192.0.2.1"}, []string{"198.51.100.1"}},
		{"append with the port", Forwarded{ClientPort: true}, "10.0.0.9:4711", []string{"192.0.2.1:99"}, []string{"192.0.2.1:99, 10.0.0.9:4711"}},
		{"append with the port, IPv6", Forwarded{ClientPort: true}, "[2001:db8::1]:4711", nil, []string{"[2001:db8::1]:4711"}},
		{"append IPv6", Forwarded{}, "[2001:db8::1]:4711", nil, []string{"2001:db8::1"}},
		{"preserve", Forwarded{Mode: ForwardedPreserve}, "10.0.0.9:4711", []string{"192.0.2.1"}, []string{"192.0.2.1"}},
		{"preserve nothing", Forwarded{Mode: ForwardedPreserve}, "10.0.0.9:4711", nil, nil},
		{"preserve a stranger's", Forwarded{Mode: ForwardedPreserve}, "198.51.100.1:4711", []string{"192.0.2.1"}, nil},
		{"remove", Forwarded{Mode: ForwardedRemove}, "10.0.0.9:4711", []string{"192.0.2.1"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://edit.example.com/", nil)
			r.RemoteAddr = tt.peer
			if tt.came != nil {
				r.Header["X-Forwarded-For"] = tt.came
			}
			out := r.Header.Clone()
			o := testTrust.originOf(r)
			o.setForwarded(out, r, &tt.forwarded, ours{})
			if diff := cmp.Diff(tt.want, out["X-Forwarded-For"]); diff != "" {
				t.Errorf("X-Forwarded-For (-want +got):\n%s", diff)
			}
			if out.Get("X-Forwarded-Proto") != "http" || out.Get("X-Forwarded-Port") != "80" {
				t.Errorf("X-Forwarded-Proto and -Port = %q, %q; they are always set", out.Get("X-Forwarded-Proto"), out.Get("X-Forwarded-Port"))
			}
		})
	}
}

// TestAmazonsFields: who has signed in is what a trusted load balancer says, no
// stranger.
func TestAmazonsFields(t *testing.T) {
	for peer, want := range map[string]string{"10.0.0.9:1": "ann", "192.0.2.1:1": ""} {
		r := httptest.NewRequest("GET", "http://edit.example.com/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Amzn-Oidc-Identity", "ann")
		out := r.Header.Clone()
		o := testTrust.originOf(r)
		o.setForwarded(out, r, &Forwarded{}, ours{})
		if got := out.Get("X-Amzn-Oidc-Identity"); got != want {
			t.Errorf("from %s = %q, want %q", peer, got, want)
		}
	}
}

// TestLongChain: an ALB refuses more than 30 addresses with 463, whoever sent them.
func TestLongChain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.ready()
		for n, want := range map[int]int{30: 200, 31: 463} {
			chain := strings.Repeat("192.0.2.1, ", n-1) + "192.0.2.1"
			if r := b.get("/session/demo/x", map[string]string{"X-Forwarded-For": chain}); r.StatusCode != want {
				t.Errorf("%d addresses = %d, want %d", n, r.StatusCode, want)
			}
		}
	})
}
