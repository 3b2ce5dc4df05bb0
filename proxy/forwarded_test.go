package proxy

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
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
		"X-Forwarded_port": {"1"}, "X-Other": {"kept"}, "Accept": {"*/*"},
	}
	for _, tt := range []struct {
		name string
		peer string
		want http.Header
	}{
		{"from a stranger", "192.0.2.1:1", http.Header{
			"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"edit.example.com:8080"},
			"X-Forwarded-Port": {"8080"}, "X-Request-Id": {"id-1"}, "X-Other": {"kept"}, "Accept": {"*/*"},
		}},
		{"from a trusted hop", "10.0.0.9:1", http.Header{
			"X-Forwarded-For": {"6.6.6.6, 10.0.0.9"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"edit.example.com:8080"},
			"X-Forwarded-Port": {"8080"}, "X-Request-Id": {"id-1"}, "X-Other": {"kept"}, "Accept": {"*/*"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://edit.example.com:8080/", nil)
			r.RemoteAddr = tt.peer
			r.Header = spoofed.Clone()
			out := spoofed.Clone()
			o := testTrust.originOf(r)
			o.setForwarded(out, r, "id-1", "")
			if diff := cmp.Diff(tt.want, out); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}
