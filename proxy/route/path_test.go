package route

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestCheckPath(t *testing.T) {
	tests := []struct {
		path string
		want error
	}{
		{"/", nil},
		{"/session/demo/a.b/..c/d../...", nil},
		{"//a", nil},
		{"/a%2Fb", nil},
		{"/a%5Cb", nil},
		{"/.well-known/x", nil},
		{"/%20%C3%A4%25", nil},
		{"/100%25", nil},
		{"/a/@fs/%00x", ErrPathControl},
		{"/.", ErrPathDotSegment},
		{"/..", ErrPathDotSegment},
		{"/a/./b", ErrPathDotSegment},
		{"/a/../b", ErrPathDotSegment},
		{"/a/..", ErrPathDotSegment},
		{"/a/%2e%2e/b", ErrPathDotSegment},
		{"/a/%2E./b", ErrPathDotSegment},
		{"/a/.%2e", ErrPathDotSegment},
		{"/a/%2e/b", ErrPathDotSegment},
		{"/a%2f..%2fb", ErrPathDotSegment},
		{"/a%2F%2E%2E/b", ErrPathDotSegment},
		{`/a\..\b`, ErrPathDotSegment},
		{"/a%5c..%5Cb", ErrPathDotSegment},
		{"/a/%252e%252e/b", ErrPathDotSegment},
		{"/a/%25252e%2e/b", ErrPathDotSegment},
		{"/a%252f..", ErrPathDotSegment},
		{"/a%00", ErrPathControl},
		{"/a%2500", ErrPathControl},
		{"/a%0d%0ab", ErrPathControl},
		{"/a%7fb", ErrPathControl},
		{"/a\tb", ErrPathControl},
		{"/a%", ErrPathSyntax},
		{"/a%2", ErrPathSyntax},
		{"/a%zz", ErrPathSyntax},
		{"", ErrPathSyntax},
		{"*", ErrPathSyntax},
		{"a/b", ErrPathSyntax},
	}
	for _, tt := range tests {
		if got := CheckPath(tt.path); !errors.Is(got, tt.want) {
			t.Errorf("CheckPath(%q) = %v, want %v", tt.path, got, tt.want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { _ = CheckPath("/a/%25252e%2e/b") }); n != 0 {
		t.Errorf("CheckPath allocates %v times, want 0", n)
	}
}

// A path that CheckPath lets through has no dot segment however often somebody
// decodes it.
func FuzzCheckPath(f *testing.F) {
	f.Add("/a/%2e%2e/b")
	f.Add("/a%255c.%252e")
	f.Fuzz(func(t *testing.T, path string) {
		if CheckPath(path) != nil {
			return
		}
		for p := path; ; {
			for segment := range strings.FieldsFuncSeq(p, func(r rune) bool { return r == '/' || r == '\\' }) {
				if segment == "." || segment == ".." {
					t.Fatalf("CheckPath(%q) = nil, but it leads to %q", path, p)
				}
			}
			decoded, err := url.PathUnescape(p)
			if err != nil || decoded == p {
				return
			}
			p = decoded
		}
	})
}
