package prefix

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaders(t *testing.T) {
	tests := []struct{ name, field, in, want string }{
		{"location", "Location", "/second?x#y", "@/second?x#y"},
		{"location, this host", "Location", "http://edit.example.com/x", "http://edit.example.com@/x"},
		{"location, other", "Location", "//o.example/x", "//o.example/x"},
		{"location, relative", "Location", "second", "second"},
		{"location, in the session", "Location", "@/x", "@/x"},
		{"content-location", "Content-Location", "/x", "@/x"},
		{"refresh", "Refresh", "5; url=/x", "5; url=@/x"},
		{"link", "Link", `</a.css>; rel=preload; title="</b>\"</c>", <b>; rel=next,</c.js>;rel=modulepreload`, `<@/a.css>; rel=preload; title="</b>\"</c>", <b>; rel=next,<@/c.js>;rel=modulepreload`},
		{"link, broken", "Link", `</a.css`, `</a.css`},
		{"cookie", "Set-Cookie", "a=b; Path=/; HttpOnly", "a=b; Path=@/; HttpOnly"},
		{"cookie, deeper", "Set-Cookie", "a=b;path=/x;secure", "a=b; Path=@/x;secure"},
		{"cookie, domain", "Set-Cookie", "a=b; Domain=example.com; Path=/", "a=b; Path=@/"},
		{"cookie, no path", "Set-Cookie", "a=/b;Path=", "a=/b;Path="},
		{"cookie, own path", "Set-Cookie", "a=b; Path=/session/demo", "a=b; Path=/session/demo"},
		{"cookie, another session's path", "Set-Cookie", "a=b; Path=/session/demo2/", "a=b; Path=@/session/demo2/"},
		{"cookie, value like a path", "Set-Cookie", "path=/x", "path=/x"},
		{"referrer policy", "Referrer-Policy", "no-referrer, strict-origin", "same-origin,strict-origin-when-cross-origin"},
		{"referrer policy, origin", "Referrer-Policy", "Origin", "origin-when-cross-origin"},
		{"referrer policy, fine", "Referrer-Policy", "unsafe-url, same-origin", "unsafe-url, same-origin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{tt.field: {want(tt.in)}}
			testSite().headers(h)
			if got := h.Get(tt.field); got != want(tt.want) {
				t.Errorf("%s: %s = %s, want %s", tt.field, tt.in, got, want(tt.want))
			}
		})
	}
}

func TestHeadersRemoved(t *testing.T) {
	h := http.Header{"Service-Worker-Allowed": {"/"}, "Clear-Site-Data": {"*"}, "X-Kept": {"/x"}}
	testSite().headers(h)
	if diff := cmp.Diff(http.Header{"X-Kept": {"/x"}}, h); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestPolicies(t *testing.T) {
	ours := hashSource(shim) + " " + hashSource(testSite().mapText())
	tests := []struct {
		name, in, want string
		judges         bool
	}{
		{"script-src", "default-src 'none'; script-src 'self'", "default-src 'none'; script-src 'self' OURS", true},
		{"script-src-elem first", "script-src 'self';script-src-elem x", "script-src 'self'; script-src-elem x OURS", true},
		{"default-src", "default-src 'self' x; img-src *", "default-src 'self' x; img-src *; script-src-elem 'self' x OURS", true},
		{"none", "default-src 'none'", "default-src 'none'; script-src-elem OURS", true},
		{"first of two counts", "script-src a; script-src b", "script-src a OURS; script-src b", true},
		{"nonce", "script-src 'nonce-abc'", "script-src 'nonce-abc' OURS", true},
		{"unsafe-inline", "script-src 'self' 'unsafe-inline'", "script-src 'self' 'unsafe-inline'", false},
		{"unsafe-inline switched off", "Script-Src 'Unsafe-Inline' 'nonce-a'", "script-src 'Unsafe-Inline' 'nonce-a' OURS", true},
		{"unsafe-inline with strict-dynamic", "script-src 'unsafe-inline' 'strict-dynamic'", "script-src 'unsafe-inline' 'strict-dynamic' OURS", true},
		{"no scripts", "img-src 'self'", "img-src 'self'", false},
		{"empty", "", "", false},
		{"two policies", "img-src x, script-src 'self'", "img-src x,script-src 'self' OURS", true},
		{"empty directive", "script-src", "script-src OURS", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, judges := testSite().policies(tt.in)
			if wanted := strings.ReplaceAll(tt.want, "OURS", ours); got != wanted || judges != tt.judges {
				t.Errorf("policies(%s) = %s, %v, want %s, %v", tt.in, got, judges, wanted, tt.judges)
			}
		})
	}
}
