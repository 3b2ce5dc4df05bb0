package prefix

import (
	"slices"
	"testing"
)

// inserted applies a finder to one attribute value.
func inserted(find finder, v string) string {
	edits := testSite().inAttribute([]byte(v), 0, nil, find)
	for _, e := range slices.Backward(edits) {
		v = v[:e.at] + e.text + v[e.at:]
	}
	return v
}

func TestSrcset(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"/a", "@/a"},
		{" /a 1x , /b 2x,/c", " @/a 1x , @/b 2x,@/c"},
		{"/a,/b", "@/a,/b"},
		{"/a, /b,, /c,", "@/a, @/b,, @/c,"},
		{"/a 1x (,/n), /b", "@/a 1x (,/n), @/b"},
		{"data:image/png;base64,/x 1x, /b", "data:image/png;base64,/x 1x, @/b"},
		{"//o/a 1x, a 2x, /session/o/a 3x, https://edit.example.com/a 4x", "//o/a 1x, a 2x, /session/o/a 3x, https://edit.example.com@/a 4x"},
		{"/a?x&amp;y 1x&comma; /b 2x", "@/a?x&amp;y 1x&comma; @/b 2x"},
		{",,,", ",,,"},
	}
	for _, tt := range tests {
		if got := inserted((*site).srcset, tt.in); got != want(tt.want) {
			t.Errorf("srcset(%q) = %q, want %q", tt.in, got, want(tt.want))
		}
	}
}

func TestRefresh(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"5", "5"},
		{"5;", "5;"},
		{"5; url=/x", "5; url=@/x"},
		{" 0.5 , URL = \"/x\"", " 0.5 , URL = \"@/x\""},
		{"0;url='/x'", "0;url='@/x'"},
		{"0 /x", "0 @/x"},
		{"0;/x", "0;@/x"},
		{"x;url=/x", "x;url=/x"},
		{"0;url=x", "0;url=x"},
		{"0;url=", "0;url="},
		{"0;url", "0;url"},
	}
	for _, tt := range tests {
		if got := inserted((*site).refresh, tt.in); got != want(tt.want) {
			t.Errorf("refresh(%q) = %q, want %q", tt.in, got, want(tt.want))
		}
	}
}

func TestImportMap(t *testing.T) {
	tests := []struct {
		name, in, want string
		merge          bool
	}{
		{"addresses", `{"imports":{"a":"/a","b":"./b","c":null,"d":"https://edit.example.com/d"}}`, `{"imports":{"a":"@/a","b":"./b","c":null,"d":"https://edit.example.com@/d"}}`, false},
		{"specifier", `{"imports":{"/a":"/b","/c/":"./d/"}}`, `{"imports":{"@/a":"@/b","/a":"@/b","@/c/":"./d/","/c/":"./d/"}}`, false},
		{"scopes", `{"scopes":{"/s/":{"a":"/a"},"s/":{"b":"/b"}}}`, `{"scopes":{"@/s/":{"a":"@/a"},"s/":{"b":"@/b"}}}`, false},
		{"integrity", `{"integrity":{"/a":"/sha"}}`, `{"integrity":{"@/a":"/sha"}}`, false},
		{"escapes", `{"\u0069mports":{"a\"}":"\/a","b":"h\u0074tp://edit.example.com/b"}}`, `{"\u0069mports":{"a\"}":"/session/demo\/a","b":"h\u0074tp://edit.example.com/b"}}`, false},
		{"unknown parts", `{"x":[{"imports":{"a":"/a"}},"]"],"imports":5,"y":{"scopes":{}}}`, `{"x":[{"imports":{"a":"/a"}},"]"],"imports":5,"y":{"scopes":{}}}`, false},
		{"merge", `{"imports":{"a":"/a"}}`, `{"imports":{«keys»,"a":"@/a"}}`, true},
		{"merge, empty imports", `{"imports": { }}`, `{"imports": {«keys» }}`, true},
		{"merge, scopes only", `{ "scopes":{"/s/":{"a":"/a"}}}`, `{"imports":{«keys»}, "scopes":{"@/s/":{"a":"@/a"}}}`, true},
		{"merge, empty", ` {} `, ` {"imports":{«keys»}} `, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := inserted(func(s *site, v []byte, edits []edit) []edit {
				edits, ok := s.importMap(v, tt.merge, edits)
				if !ok {
					t.Error("not taken for an import map")
				}
				return edits
			}, tt.in)
			if got != want(tt.want) {
				t.Errorf("importMap(%s) = %s, want %s", tt.in, got, want(tt.want))
			}
		})
	}
	for _, in := range []string{"", " ", "{", "[]", `"x"`, `{"imports":{"a":"/a"}`, "5"} {
		if edits, ok := testSite().importMap([]byte(in), true, nil); ok || len(edits) > 0 {
			t.Errorf("importMap(%q) = %v, %v, want none", in, edits, ok)
		}
	}
}
