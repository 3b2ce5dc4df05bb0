package route

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ruleWith compiles one rule with these extras.
func ruleWith(t *testing.T, change func(*Rule)) *Rule {
	t.Helper()
	r := Rule{Priority: 1, Conditions: paths("/*"), Action: fixed()}
	change(&r)
	for rule := range newTable(t, r).Rules() {
		return rule
	}
	return nil
}

func TestRewritePath(t *testing.T) {
	tests := []struct {
		regex, replace, path, want string
		err                        error
	}{
		{"^/old/(.*)$", "/new/$1", "/old/a/b", "/new/a/b", nil},
		{"^/old/(.*)$", "/new/$1", "/other", "/other", nil},
		{"^/old/(.*)$", "/new/$1", "/old/a%2Fb%20c", "/new/a%2Fb%20c", nil}, // nothing is decoded
		{"^/(a)/(b)$", "/$2_old/${1}$$", "/a/b", "/b_old/a$", nil},
		{"^/(?P<first>[^/]+)", "/x-${first}", "/a/b", "/x-a/b", nil},
		{"o", "0", "/foo/o", "/f00/0", nil}, // every match
		{"^/strip", "", "/strip/a", "/a", nil},
		{"^/strip", "", "/strip", "", ErrRewritePath},
		{"^/strip/", "", "/strip/a", "", ErrRewritePath},
		{"^/s(.*)$", "/$1", "/s../x", "", ErrPathDotSegment},
		{"^/s(.*)$", "/$1", "/s%2e%2e/x", "", ErrPathDotSegment},
		{"%2F", "%", "/a%2Fb", "", ErrRewritePath},
	}
	for _, tt := range tests {
		r := ruleWith(t, func(r *Rule) { r.Rewrite.Path = Replacement{tt.regex, tt.replace} })
		if got, err := r.RewritePath(tt.path); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s -> %s: RewritePath(%q) = %q, %v, want %q, %v", tt.regex, tt.replace, tt.path, got, err, tt.want, tt.err)
		}
	}
}

func TestRewriteHost(t *testing.T) {
	tests := []struct {
		regex, replace, host, want string
		err                        error
	}{
		{`^edit\.(.+)\.example\.com$`, "$1.internal", "edit.acme.example.com", "acme.internal", nil},
		{`^edit\.(.+)\.example\.com$`, "$1.internal", "EDIT.acme.Example.com:8080", "acme.internal:8080", nil},
		{`^edit\.(.+)\.example\.com$`, "$1.internal", "other.example.com", "", nil},
		{"^.*$", "", "a.example.com", "", ErrRewriteHost},
		{`\.`, "/", "a.example.com", "", ErrRewriteHost},
	}
	for _, tt := range tests {
		r := ruleWith(t, func(r *Rule) { r.Rewrite.Host = Replacement{tt.regex, tt.replace} })
		if got, err := r.RewriteHost(tt.host); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s -> %s: RewriteHost(%q) = %q, %v, want %q, %v", tt.regex, tt.replace, tt.host, got, err, tt.want, tt.err)
		}
	}
}

func TestResponseHeaders(t *testing.T) {
	r := ruleWith(t, func(r *Rule) {
		r.ResponseHeaders = ResponseHeaders{
			Set:    map[string]string{"x-frame-options": "DENY", "Cache-Control": "no-store"},
			Remove: []string{"server", "X-Powered-By"},
		}
	})
	h := http.Header{"Server": {"a", "b"}, "X-Frame-Options": {"SAMEORIGIN", "x"}, "Vary": {"Accept"}}
	r.EditResponse(h)
	want := http.Header{"X-Frame-Options": {"DENY"}, "Cache-Control": {"no-store"}, "Vary": {"Accept"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("EditResponse (-want +got):\n%s", diff)
	}
	h = http.Header{"Server": {"a"}, "Cache-Control": {"private"}}
	r.CompleteResponse(h)
	want = http.Header{"Server": {"a"}, "Cache-Control": {"private"}, "X-Frame-Options": {"DENY"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("CompleteResponse (-want +got):\n%s", diff)
	}
	plain := ruleWith(t, func(*Rule) {})
	if plain.EditsResponse() || !r.EditsResponse() {
		t.Errorf("EditsResponse = %t without, %t with headers", plain.EditsResponse(), r.EditsResponse())
	}
}
