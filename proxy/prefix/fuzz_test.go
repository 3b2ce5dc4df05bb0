package prefix

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// chunks reads in pieces whose sizes follow from seed.
type chunks struct {
	data string
	seed uint32
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.data == "" {
		return 0, io.EOF
	}
	c.seed = c.seed*1664525 + 1013904223
	n := copy(p[:min(len(p), int(c.seed>>24)%23)], c.data)
	c.data = c.data[n:]
	return n, nil
}

// inChunks rewrites a body that comes in pieces.
func inChunks(t *testing.T, in string, seed uint32, find scanner) string {
	t.Helper()
	out, err := io.ReadAll(newBody(io.NopCloser(&chunks{in, seed}), find))
	if err != nil {
		t.Fatalf("read of %q in pieces: %v", in, err)
	}
	return string(out)
}

// holdsAny reports whether s holds one of the words, in any letter case.
func holdsAny(s string, words ...string) bool {
	s = strings.ToLower(s)
	for _, word := range words {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}

func FuzzHTML(f *testing.F) {
	for i, s := range []string{
		`<!doctype html><html><head><meta charset=utf-8><title>a</title><link href="/a"><script type=importmap>{"imports":{"/a":"/b"}}</script></head>`,
		`<a href='/x' href=/y><img srcset="/a 1x, /b 2x" style="a:url(&#34;/c&#34;)"/>`,
		`<!--><a href="/x"><!-- --!><script><!--<script></script>--></script><style>@import "/x";</style>`,
		`<astro-island component-url="/a"><a href="/x"><astro-slot><a href="/y"></astro-slot></astro-island>`,
		`<svg><style/><![CDATA[>]]><title><p><textarea></title></svg><noscript><img src="/x"></noscript>`,
		`<meta http-equiv=refresh content="0;url=/x"><meta name=referrer content=no-referrer><base href="//o/"><a href="/x">`,
		`</a href="/x"></><?x><!x><a/href=/x/ =a=b "c">&#47;<plaintext><a href="/y">`,
		"<a \x00href=\"/\x00\"\r\n><title>a</titl></title><textarea></textarea/><xmp><",
	} {
		f.Add(s, uint32(i))
	}
	f.Fuzz(func(t *testing.T, in string, seed uint32) {
		if strings.Contains(in, mark) {
			t.Skip()
		}
		for _, h := range []head{{}, {navigated: true}, {guarded: true}, {state: noDocument}} {
			out := rewritten(t, in, newHTMLScanner(testSite(), h))
			if got := inChunks(t, in, seed, newHTMLScanner(testSite(), h)); got != out {
				t.Errorf("rewrite of %q in pieces = %q, want %q", in, got, out)
			}
			if holdsAny(in, "referrer", "importmap") {
				continue
			}
			if got := withoutOurs(out); got != in {
				t.Errorf("rewrite of %q less what was inserted = %q", in, got)
			}
		}
		small := newHTMLScanner(testSite(), head{})
		small.limit = 32
		smallOut := rewritten(t, in, small)
		small = newHTMLScanner(testSite(), head{})
		small.limit = 32
		if got := inChunks(t, in, seed, small); got != smallOut {
			t.Errorf("rewrite of %q with small tokens in pieces = %q, want %q", in, got, smallOut)
		}
		fragment := rewritten(t, in, newHTMLScanner(testSite(), head{state: noDocument}))
		if !holdsAny(in, "importmap") {
			if got := rewritten(t, fragment, newHTMLScanner(testSite(), head{state: noDocument})); got != fragment {
				t.Errorf("second rewrite of %q = %q", fragment, got)
			}
		}
		sameTags(t, in, fragment)
	})
}

// withoutOurs takes out what documents get inserted.
func withoutOurs(s string) string {
	s = strings.ReplaceAll(s, testSite().shimTag(), "")
	s = strings.ReplaceAll(s, testSite().mapTag(), "")
	return strings.ReplaceAll(s, mark, "")
}

// sameTags compares a rewritten fragment with what another tokenizer sees in it, where that one follows a
// browser closely enough.
func sameTags(t *testing.T, in, out string) {
	t.Helper()
	if holdsAny(in, "noscript", "svg", "math", "<!", "<?", "astro-", "base", "meta", "importmap", "plaintext", "&") {
		return
	}
	if diff := cmp.Diff(tags(in, true), tags(out, false)); diff != "" {
		t.Errorf("tags of %q (-want +got):\n%s", in, diff)
	}
}

// tags lists the start tags of s, with the addresses in their attributes rewritten if asked for.
func tags(s string, rewrite bool) []string {
	var list []string
	z := html.NewTokenizer(strings.NewReader(s))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		list = append(list, token.Data)
		for _, a := range token.Attr {
			if find := finderFor(a.Key, token.Data); rewrite && find != nil {
				a.Val = inserted(find, a.Val)
			}
			list = append(list, a.Key+"="+a.Val)
		}
	}
	return list
}

// finderFor says anew which attributes hold addresses.
func finderFor(name, of string) finder {
	switch name {
	case "src", "href", "xlink:href", "poster", "action", "formaction", "background",
		"component-url", "renderer-url", "before-hydration-url":
		return (*site).address
	case "data":
		if of == "object" {
			return (*site).address
		}
	case "srcset", "imagesrcset":
		return (*site).srcset
	case "style":
		return (*site).style
	}
	return nil
}

func FuzzCSS(f *testing.F) {
	for i, s := range []string{
		`@import "/x"; a{b:url(/c) url( '/d' )} /* url(/e) */`, `a{b:"\"url(/x)`, `\75rl(/x) url(/a\)b) url("/x`, "@import/**/'/x\n'", `url(//x)url(/session/x)`,
	} {
		f.Add(s, uint32(i))
	}
	f.Fuzz(func(t *testing.T, in string, seed uint32) {
		if strings.Contains(in, mark) {
			t.Skip()
		}
		out := rewritten(t, in, &cssScanner{site: testSite()})
		if got := inChunks(t, in, seed, &cssScanner{site: testSite()}); got != out {
			t.Errorf("rewrite of %q in pieces = %q, want %q", in, got, out)
		}
		if got := strings.ReplaceAll(out, mark, ""); got != in {
			t.Errorf("rewrite of %q less the mount = %q", in, got)
		}
		if got := rewritten(t, out, &cssScanner{site: testSite()}); got != out {
			t.Errorf("second rewrite of %q = %q", out, got)
		}
	})
}

func FuzzSrcset(f *testing.F) {
	for _, s := range []string{"/a 1x, /b 2x", "/a,/b", " ,/a (,/b) 2x,/c", "data:,/x 1x", "&#47;a 1x&comma;/b", "//x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, mark) {
			t.Skip()
		}
		out := inserted((*site).srcset, in)
		if got := strings.ReplaceAll(out, mark, ""); got != in {
			t.Errorf("srcset(%q) less the mount = %q", in, got)
		}
		if got := inserted((*site).srcset, out); got != out {
			t.Errorf("second srcset(%q) = %q", out, got)
		}
	})
}

func FuzzImportMap(f *testing.F) {
	for _, s := range []string{`{"imports":{"/a":"/b"},"scopes":{"/s":{"c":"/d"}},"integrity":{"/a":"x"}}`, `{"imports":{},"imports":null}`, `{"scopes":[1,{"a":"]"}]}`, `{"\u0069mports":{"\/a":"\/b"}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, merge := range []bool{false, true} {
			var ok bool
			out := inserted(func(s *site, v []byte, edits []edit) []edit {
				edits, ok = s.importMap(v, merge, edits)
				return edits
			}, strings.ReplaceAll(in, "&", ""))
			if !ok {
				continue
			}
			if _, again := testSite().importMap([]byte(out), false, nil); !again {
				t.Errorf("importMap(%q, %v) = %q, which is none", in, merge, out)
			}
		}
	})
}
