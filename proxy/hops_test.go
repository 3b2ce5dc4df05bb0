package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// handlerOf is a site that shows what header it was sent.
func handlerOf(see func(map[string][]string)) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { see(r.Header) })
}

// TestVia: the entry says which version the request came in, behind what other
// proxies said.
func TestVia(t *testing.T) {
	for request, want := range map[string][]string{
		"GET /session/demo/x HTTP/1.1\r\nHost: w\r\n\r\n":                                        {"1.1 warmgate"},
		"GET /session/demo/x HTTP/1.0\r\nHost: w\r\n\r\n":                                        {"1.0 warmgate"},
		"GET /session/demo/x HTTP/1.1\r\nHost: w\r\nVia: 1.0 fred\r\nVia: 1.1 p.example\r\n\r\n": {"1.0 fred", "1.1 p.example", "1.1 warmgate"},
	} {
		bubble(t, func(t *testing.T) {
			var seen []string
			b := newBed(t, handlerOf(func(h map[string][]string) { seen = h["Via"] }), nil)
			b.ready()
			b.raw("GET", request)
			if !slices.Equal(seen, want) {
				t.Errorf("%q: the site saw Via %q, want %q", request, seen, want)
			}
		})
	}
}

// TestMaxForwards: OPTIONS ends here at 0, and is counted down before (RFC 9110
// 7.6.2). Other methods are not counted.
func TestMaxForwards(t *testing.T) {
	for _, tt := range []struct {
		method, given string
		status        int
		seen          string // by the site; "-" if it sees nothing
	}{
		{"OPTIONS", "0", http.StatusNoContent, "-"},
		{"OPTIONS", "1", http.StatusOK, "0"},
		{"OPTIONS", "10", http.StatusOK, "9"},
		{"OPTIONS", "many", http.StatusOK, "many"},
		{"OPTIONS", "-1", http.StatusOK, "-1"},
		{"GET", "0", http.StatusOK, "0"},
		{"TRACE", "0", http.StatusMethodNotAllowed, "-"},
		{"TRACE", "1", http.StatusMethodNotAllowed, "-"},
	} {
		bubble(t, func(t *testing.T) {
			seen := "-"
			b := newBed(t, handlerOf(func(h map[string][]string) { seen = strings.Join(h["Max-Forwards"], ",") }), nil)
			b.ready()
			res, _, _ := b.raw(tt.method, tt.method+" /session/demo/x HTTP/1.1\r\nHost: w\r\nMax-Forwards: "+tt.given+"\r\n\r\n")
			if res.StatusCode != tt.status || seen != tt.seen {
				t.Errorf("%s with %s = %d, the site saw %q; want %d, %q", tt.method, tt.given, res.StatusCode, seen, tt.status, tt.seen)
			}
			if allow := res.Header.Get("Allow"); tt.seen == "-" && !strings.Contains(allow, "OPTIONS") {
				t.Errorf("%s with %s: Allow = %q", tt.method, tt.given, allow)
			}
		})
	}
}
