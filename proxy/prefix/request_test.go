package prefix

import (
	"net/http"
	"strings"
	"testing"
)

func testRewriter(t testing.TB) *Rewriter {
	t.Helper()
	rw, err := New(Options{Prefix: mark + "/"})
	if err != nil {
		t.Fatal(err)
	}
	return rw
}

func TestStrip(t *testing.T) {
	tests := []struct {
		in, want string
		ok       bool
	}{
		{"/session/demo/", "/", true},
		{"/session/demo/x/y", "/x/y", true},
		{"/session/demo//x", "//x", true},
		{"/session/demo/%2Fx%20y", "/%2Fx%20y", true},
		{"/session/demo/session/demo/", "/session/demo/", true},
		{"/session/demo", "", false},
		{"/session/demo2/", "", false},
		{"/session/%64emo/", "", false},
		{"/Session/demo/", "", false},
		{"session/demo/", "", false},
		{"//session/demo/", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got, ok := testRewriter(t).Strip(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("Strip(%q) = %q, %v, want %q, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

func TestRequest(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"http://edit.example.com/session/demo/", "http://edit.example.com/"},
		{"https://EDIT.example.com/session/demo/x?y", "https://EDIT.example.com/x?y"},
		{"http://edit.example.com/session/other/secret", "http://edit.example.com/"},
		{"http://edit.example.com/session/demo", "http://edit.example.com/"},
		{"http://edit.example.com", "http://edit.example.com/"},
		{"http://o.example/session/demo/x", "http://o.example/session/demo/x"},
	}
	for _, tt := range tests {
		h := http.Header{"Referer": {tt.in}, "Origin": {"http://edit.example.com"}, "Accept-Encoding": {"gzip"}}
		testRewriter(t).Request(h, "edit.example.com")
		if got := h.Get("Referer"); got != tt.want {
			t.Errorf("Referer %q = %q, want %q", tt.in, got, tt.want)
		}
		if h.Get("Accept-Encoding") != "identity" || h.Get("Origin") != "http://edit.example.com" {
			t.Errorf("header = %v", h)
		}
	}
}

func TestNew(t *testing.T) {
	for _, o := range []Options{
		{},
		{Prefix: "/"},
		{Prefix: "/x"},
		{Prefix: "x/"},
		{Prefix: "//x/"},
		{Prefix: "/a//b/"},
		{Prefix: "/a b/"},
		{Prefix: `/a"/`},
		{Prefix: "/a'/"},
		{Prefix: "/a(/"},
		{Prefix: "/a,b/"},
		{Prefix: "/a<b/"},
		{Prefix: "/é/"},
		{Prefix: "/a\\b/"},
		{Prefix: "/session/x/", Base: "/other/"},
		{Prefix: "/session/x/", Base: "session"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) has no error", o)
		}
	}
	tests := []struct{ prefix, base string }{
		{"/session/demo/", "/session/"}, {"/a/b/c/", "/a/b/"}, {"/demo/", "/demo/"},
	}
	for _, tt := range tests {
		rw, err := New(Options{Prefix: tt.prefix})
		if err != nil || rw.base != tt.base {
			t.Errorf("New(%q) has base %q, %v, want %q", tt.prefix, rw.base, err, tt.base)
		}
	}
}

func FuzzStrip(f *testing.F) {
	for _, s := range []string{"/session/demo/x", "/session/demo", "/session/demo/../x", "/session/demo/%2e%2e/", "//", ""} {
		f.Add(s)
	}
	rw := testRewriter(f)
	f.Fuzz(func(t *testing.T, path string) {
		rest, ok := rw.Strip(path)
		if !ok {
			if rest != "" || strings.HasPrefix(path, rw.prefix) {
				t.Errorf("Strip(%q) = %q, false", path, rest)
			}
			return
		}
		if rest == "" || rest[0] != '/' || mark+rest != path {
			t.Errorf("Strip(%q) = %q, true", path, rest)
		}
	})
}
