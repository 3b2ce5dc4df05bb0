package prefix

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// mark is the prefix that tests use. Written into expectations as "@".
const mark = "/session/demo"

func testSite() *site {
	return &site{mount: mark, base: "/session/", host: "edit.example.com"}
}

// rewritten runs a whole body through a scanner.
func rewritten(t testing.TB, in string, find scanner) string {
	t.Helper()
	out, err := io.ReadAll(newBody(io.NopCloser(strings.NewReader(in)), find))
	if err != nil {
		t.Fatalf("read of %q: %v", in, err)
	}
	return string(out)
}

// want replaces the shorthands of expectations: "@/" is the mount, «shim» and «map» are what is inserted.
func want(s string) string {
	site := testSite()
	s = strings.ReplaceAll(s, "«shim»", site.shimTag())
	s = strings.ReplaceAll(s, "«map»", site.mapTag())
	s = strings.ReplaceAll(s, "«keys»", site.mapEntries())
	return strings.ReplaceAll(s, "@/", mark+"/")
}

func TestHTMLAttributes(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"double quotes", `<a href="/x">`, `<a href="@/x">`},
		{"single quotes", `<a href='/x'>`, `<a href='@/x'>`},
		{"unquoted", `<a href=/x>`, `<a href=@/x>`},
		{"unquoted, solidus at the end", `<a href=/x/>`, `<a href=@/x/>`},
		{"upper case", `<A HREF="/x">`, `<A HREF="@/x">`},
		{"blanks around", "<a\n\thref\n=\n\"/x\" >", "<a\n\thref\n=\n\"@/x\" >"},
		{"leading blanks in value", "<a href=' \n/x'>", "<a href=' \n@/x'>"},
		{"no blank between", `<a id="1"href="/x">`, `<a id="1"href="@/x">`},
		{"void", `<img src="/x"/>`, `<img src="@/x"/>`},
		{"root", `<a href="/">`, `<a href="@/">`},
		{"first of two counts", `<a href="/x" href="/y">`, `<a href="@/x" href="/y">`},
		{"first of two, case differs", `<a HREF="x" href="/y">`, `<a HREF="x" href="/y">`},
		{"angle in value", `<a title=">" href="/x">`, `<a title=">" href="@/x">`},
		{"equals begins a name", `<a =href="/x" href="/y">`, `<a =href="/x" href="@/y">`},
		{"solidus in tag", `<a/href="/x"/ src="/y">`, `<a/href="@/x"/ src="@/y">`},
		{"empty and missing values", `<a href src="" action=>`, `<a href src="" action=>`},
		{"NUL", "<a\x00 href=\"/x\x00\"><a href=\"/y\">", "<a\x00 href=\"@/x\x00\"><a href=\"@/y\">"},
		{"tag cut off", `<a href="/x"><a href="/y`, `<a href="@/x"><a href="/y`},
		{"end tag attributes", `</a href="/x">`, `</a href="/x">`},

		{"other origin", `<a href="//x/y"><a href="https://o.example/x">`, `<a href="//x/y"><a href="https://o.example/x">`},
		{"backslash is a slash", `<a href="/\x">`, `<a href="/\x">`},
		{"tab is skipped", "<a href=\"/\t/x\"><a href=\"/\ty\">", "<a href=\"/\t/x\"><a href=\"@/\ty\">"},
		{"this host", `<a href="https://Edit.example.com/x">`, `<a href="https://Edit.example.com@/x">`},
		{"this host, no path", `<a href="http://edit.example.com?q">`, `<a href="http://edit.example.com/session/demo?q">`},
		{"longer host", `<a href="https://edit.example.com.o/x">`, `<a href="https://edit.example.com.o/x">`},
		{"port differs", `<a href="https://edit.example.com:81/x">`, `<a href="https://edit.example.com:81/x">`},
		{"below the prefix already", `<a href="@/x">`, `<a href="@/x">`},
		{"another session", `<a href="/session/other/x">`, `<a href="/session/other/x">`},
		{"this host, another session", `<a href="http://edit.example.com/session/o/">`, `<a href="http://edit.example.com/session/o/">`},
		{"relative", `<a href="x"><a href="../x"><a href="#x"><a href="?x">`, `<a href="x"><a href="../x"><a href="#x"><a href="?x">`},
		{"scripts and data", `<a href="javascript:x('/y')"><img src="data:,/x">`, `<a href="javascript:x('/y')"><img src="data:,/x">`},

		{"entity in query", `<a href="/x?a&amp;b">`, `<a href="@/x?a&amp;b">`},
		{"entity for slash", `<a href="&#47;x"><a href="&#x2f;y"><a href="&sol;z">`, `<a href="/session/demo&#47;x"><a href="/session/demo&#x2f;y"><a href="/session/demo&sol;z">`},
		{"entity for second slash", `<a href="/&#47;x">`, `<a href="/&#47;x">`},
		{"entity for line end", `<a href="&NewLine;/x">`, `<a href="&NewLine;@/x">`},

		{"all names", `<x src=/a poster=/b action=/c formaction=/d background=/e xlink:href=/f>`, `<x src=@/a poster=@/b action=@/c formaction=@/d background=@/e xlink:href=@/f>`},
		{"data of object only", `<object data="/x"></object><p data="/x">`, `<object data="@/x"></object><p data="/x">`},
		{"others", `<p title="/x" content="/y" data-src="/z">`, `<p title="/x" content="/y" data-src="/z">`},
		{"srcset", `<img srcset="/a 1x, /b 2x">`, `<img srcset="@/a 1x, @/b 2x">`},
		{"imagesrcset", `<link imagesrcset='/a,/b 2x'>`, `<link imagesrcset='@/a,/b 2x'>`},
		{"style", `<p style="background:url(/x)">`, `<p style="background:url(@/x)">`},
		{"style, quotes as entities", `<p style="background:url(&#34;/x&#34;)">`, `<p style="background:url(&#34;@/x&#34;)">`},
		{"style, named entities", `<p style='a:url(&quot;/x&quot;);b:url("/y")'>`, `<p style='a:url(&quot;@/x&quot;);b:url("@/y")'>`},

		{"meta refresh", `<meta http-equiv="Refresh" content="0; URL='/x'">`, `<meta http-equiv="Refresh" content="0; URL='@/x'">`},
		{"meta refresh, order", `<meta content=0;/x http-equiv=refresh>`, `<meta content=0;@/x http-equiv=refresh>`},
		{"meta others", `<meta name="x" content="/x">`, `<meta name="x" content="/x">`},
		{"meta referrer", `<meta name="referrer" content="no-referrer">`, `<meta name="referrer" content="same-origin" content="no-referrer">`},
		{"meta referrer, origin", `<meta content=origin name=Referrer>`, `<meta content="origin-when-cross-origin" content=origin name=Referrer>`},
		{"meta referrer, fine", `<meta name=referrer content=same-origin>`, `<meta name=referrer content=same-origin>`},

		{"base", `<base href="/sub/"><a href="/x">`, `<base href="@/sub/"><a href="@/x">`},
		{"base of another origin", `<a href="/x"><base href="https://o.example/"><a href="/x"><a href="https://edit.example.com/y">`, `<a href="@/x"><base href="https://o.example/"><a href="/x"><a href="https://edit.example.com@/y">`},
		{"first base counts", `<base target=x><base href="//o/"><base href="/a"><a href="/x">`, `<base target=x><base href="//o/"><base href="/a"><a href="/x">`},
		{"base of this host", `<base href="http://edit.example.com/s/"><a href="/x">`, `<base href="http://edit.example.com@/s/"><a href="@/x">`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := rewritten(t, want(tt.in), newHTMLScanner(testSite(), head{}))
			if diff := cmp.Diff(want(tt.want), got); diff != "" {
				t.Errorf("rewrite of %s (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestHTMLContent(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"text", `/x href="/x" < /y <3`, `/x href="/x" < /y <3`},
		{"comment", `<!-- <a href="/x"> --><a href="/y">`, `<!-- <a href="/x"> --><a href="@/y">`},
		{"short comments", `<!--><a href="/x"><!---><a href="/y">`, `<!--><a href="@/x"><!---><a href="@/y">`},
		{"comment, bang", `<!--a--!><a href="/x"><!--!><a href="/y">-->`, `<!--a--!><a href="@/x"><!--!><a href="/y">-->`},
		{"comment, dash and bang", `<!---!><a href="/x">-->`, `<!---!><a href="/x">-->`},
		{"comment, dashes and bang", `<!----!><a href="/x">`, `<!----!><a href="@/x">`},
		{"comment cut off", `<!-- <a href="/x">`, `<!-- <a href="/x">`},
		{"bogus comments", `<!a "><a href="/x"><?a "><a href="/x"></ "><a href="/x"></>`, `<!a "><a href="@/x"><?a "><a href="@/x"></ "><a href="@/x"></>`},
		{"CDATA in HTML is a bogus comment", `<![CDATA[><a href="/x">]]>`, `<![CDATA[><a href="@/x">]]>`},
		{"CDATA in svg", `<svg><![CDATA[><a href="/x">]]><a href="/y">`, `<svg><![CDATA[><a href="/x">]]><a href="@/y">`},
		{"script", `<script src="/x">a="<a href='/y'>"</script><a href="/z">`, `<script src="@/x">a="<a href='/y'>"</script><a href="@/z">`},
		{"script, escaped", `<script><!--<script></script><a href="/x"></script><a href="/y">`, `<script><!--<script></script><a href="/x"></script><a href="@/y">`},
		{"script, escape ended", `<script><!-- --> <script></script><a href="/y">`, `<script><!-- --> <script></script><a href="@/y">`},
		{"script, empty escape", `<script><!--><script></script><a href="/y">`, `<script><!--><script></script><a href="@/y">`},
		{"script, name goes on", `<script></scripts><a href="/x"></script ><a href="/y">`, `<script></scripts><a href="/x"></script ><a href="@/y">`},
		{"title and textarea", `<title><a href="/x"></title><textarea><a href="/x"></TEXTAREA><a href="/y">`, `<title><a href="/x"></title><textarea><a href="/x"></TEXTAREA><a href="@/y">`},
		{"iframe, xmp, noembed, noframes", `<iframe src="/x"><a href="/x"></iframe><xmp><a href="/x"></xmp><noembed><a href="/x"></noembed><noframes><a href="/x"></noframes>`, `<iframe src="@/x"><a href="/x"></iframe><xmp><a href="/x"></xmp><noembed><a href="/x"></noembed><noframes><a href="/x"></noframes>`},
		{"plaintext", `<plaintext><a href="/x"></plaintext><a href="/y">`, `<plaintext><a href="/x"></plaintext><a href="/y">`},
		{"style", `<style>a{b:url(/x)} "</stylex>/y"</style><a href="/z">`, `<style>a{b:url(@/x)} "</stylex>/y"</style><a href="@/z">`},
		{"style cut off", `<style>a{b:url(/x`, `<style>a{b:url(@/x`},
		{"noscript", `<noscript><img src="/x"><!-- </noscript><a href="/y">-->`, `<noscript><img src="@/x"><!-- </noscript><a href="@/y">-->`},
		{"noscript, nested", `<noscript><noscript><img src="/x"></noscript><img src="/y">`, `<noscript><noscript><img src="@/x"></noscript><img src="@/y">`},
		{"template", `<template><img src="/x"></template>`, `<template><img src="@/x"></template>`},
		{"svg", `<svg><use xlink:href="/x"/><title><b></title><style>a{b:url(/x)}</style></svg><a href="/y">`, `<svg><use xlink:href="@/x"/><title><b></title><style>a{b:url(@/x)}</style></svg><a href="@/y">`},
		{"svg, empty raw elements", `<svg><script href="/x"/><style/><title/><a href="/y">`, `<svg><script href="@/x"/><style/><title/><a href="@/y">`},
		{"svg left by HTML", `<svg><p><textarea><a href="/x"></textarea>`, `<svg><p><textarea><a href="/x"></textarea>`},
		{"svg, HTML inside", `<svg><foreignObject><textarea><a href="/x"></textarea></foreignObject><textarea><a href="/y">`, `<svg><foreignObject><textarea><a href="/x"></textarea></foreignObject><textarea><a href="@/y">`},
		{"island", `<astro-island component-url="/a" renderer-url="/b" before-hydration-url="/c" props="/d"><a href="/x"><style>a{b:url(/x)}</style></astro-island><a href="/y">`, `<astro-island component-url="@/a" renderer-url="@/b" before-hydration-url="@/c" props="/d"><a href="/x"><style>a{b:url(/x)}</style></astro-island><a href="@/y">`},
		{"island, slot", `<astro-island><a href="/x"><astro-slot><a href="/y"><astro-island component-url="/c"><a href="/x"></astro-island><a href="/z"></astro-slot><a href="/x"></astro-island><a href="/y">`, `<astro-island><a href="/x"><astro-slot><a href="@/y"><astro-island component-url="@/c"><a href="/x"></astro-island><a href="@/z"></astro-slot><a href="/x"></astro-island><a href="@/y">`},
		{"import map in a fragment", `<script type=importmap>{"imports":{"a":"/x"}}</script>`, `<script type=importmap>{"imports":{"a":"@/x"}}</script>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := rewritten(t, tt.in, newHTMLScanner(testSite(), head{}))
			if diff := cmp.Diff(want(tt.want), got); diff != "" {
				t.Errorf("rewrite of %s (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestHTMLHead(t *testing.T) {
	navigated, guarded := head{navigated: true}, head{guarded: true}
	tests := []struct {
		name     string
		head     head
		in, want string
	}{
		{"behind meta and title", head{}, `<!doctype html><html><head> <meta charset=utf-8><title>/x</title><meta name=a> <link href="/x"><script src="/y"></script>`, `<!doctype html><html><head> <meta charset=utf-8><title>/x</title><meta name=a> «shim»<link href="@/x">«map»<script src="@/y"></script>`},
		{"no head", head{}, `<!doctype html><p>`, `<!doctype html>«shim»«map»<p>`},
		{"no doctype", head{}, `<head></head>`, `<head>«shim»«map»</head>`},
		{"text only", head{}, "<!doctype html>\n<!-- a -->hello", "<!doctype html>\n<!-- a -->«shim»«map»hello"},
		{"fragment", head{}, `<p><html><head><script src="/x"></script>`, `<p><html><head><script src="@/x"></script>`},
		{"fragment, text", head{}, `x<!doctype html><p>`, `x<!doctype html><p>`},
		{"navigation without marks", navigated, `<title>Error</title><script src="/@vite/client"></script>`, `<title>Error</title>«shim»«map»<script src="@/@vite/client"></script>`},
		{"once", head{}, `<head><p><head><script></script>`, `<head>«shim»«map»<p><head><script></script>`},
		{"before modulepreload", head{}, `<head><style></style><link rel="x ModulePreload" href=/x>`, `<head>«shim»<style></style>«map»<link rel="x ModulePreload" href=@/x>`},
		{"before base", head{}, `<head><base href="https://o.example/"><script></script>`, `<head>«shim»«map»<base href="https://o.example/"><script></script>`},
		{"before a policy", head{}, `<head><meta charset=utf-8><meta http-equiv=Content-Security-Policy content="script-src 'none'"><script type=importmap>{"imports":{"a":"/x"}}</script>`, `<head><meta charset=utf-8>«shim»«map»<meta http-equiv=Content-Security-Policy content="script-src 'none'"><script type=importmap>{"imports":{"a":"/x"}}</script>`},
		{"page's own map", head{}, `<head><script type="importmap"> { "imports": { "a": "/a.js" } }</script><script></script>`, `<head>«shim»<script type="importmap"> { "imports": {«keys», "a": "@/a.js" } }</script><script></script>`},
		{"page's own map is broken", head{}, `<head><script type=importmap>{</script><p>`, `<head>«shim»<script type=importmap>{</script>«map»<p>`},
		{"page's own map behind a script", head{}, `<head><script></script><script type=importmap>{"imports":{"a":"/x"}}</script>`, `<head>«shim»«map»<script></script><script type=importmap>{"imports":{"a":"@/x"}}</script>`},
		{"page's own map under a policy", guarded, `<head><script type=importmap>{"imports":{"a":"/x"}}</script>`, `<head>«shim»«map»<script type=importmap>{"imports":{"a":"/x"}}</script>`},
		{"the same with a nonce", guarded, `<head><script nonce=n type=importmap>{"imports":{"a":"/x"}}</script>`, `<head>«shim»«map»<script nonce=n type=importmap>{"imports":{"a":"@/x"}}</script>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := rewritten(t, tt.in, newHTMLScanner(testSite(), tt.head))
			if diff := cmp.Diff(want(tt.want), got); diff != "" {
				t.Errorf("rewrite of %s (-want +got):\n%s", tt.in, diff)
			}
			slow, err := io.ReadAll(newBody(io.NopCloser(iotest.OneByteReader(strings.NewReader(tt.in))), newHTMLScanner(testSite(), tt.head)))
			if err != nil || string(slow) != got {
				t.Errorf("byte by byte: %q, %v, want %q", slow, err, got)
			}
		})
	}
}

func TestHTMLOversizedToken(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, in := range []string{
		`<a href="/1"><a title="` + long + `" href="/x"><a href="/y">`,
		`<a href="/1"><noscript>` + long + `<a href="/x"></noscript><a href="/y">`,
		`<a href="/1"><script type=importmap>{"imports":{"` + long + `":"/x"}}</script><a href="/y">`,
	} {
		z := newHTMLScanner(testSite(), head{})
		z.limit = 64
		wanted := strings.Replace(in, `"/1"`, `"`+mark+`/1"`, 1)
		if got := rewritten(t, in, z); got != wanted {
			t.Errorf("rewrite = %s, want %s", got, wanted)
		}
	}
}

// TestHTMLStreams feeds a page piece by piece: what is complete must leave before the next piece is asked for.
func TestHTMLStreams(t *testing.T) {
	pieces := []struct{ in, out string }{
		{`<!doctype html><html><head><meta charset=utf-8><title>T`, `<!doctype html><html><head><meta charset=utf-8><title>T`},
		{`itle</title><link href="/a`, `itle</title>`},
		{`.css"></head><body>Hello`, `«shim»<link href="@/a.css">«map»</head><body>Hello`},
		{` world`, ` world`},
		{`<style>a{b:url(/c`, `<style>a{b:url(`},
		{`)}`, `@/c)}`},
		{`</style><script>let a = 1; //`, `</style><script>let a = 1; //`},
		{`</script><p>end`, `</script><p>end`},
	}
	r, w := io.Pipe()
	b := newBody(r, newHTMLScanner(testSite(), head{}))
	buf := make([]byte, 64<<10)
	for _, piece := range pieces {
		go func() { _, _ = io.WriteString(w, piece.in) }()
		var got bytes.Buffer
		for wanted := want(piece.out); got.Len() < len(wanted); {
			n, err := b.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(buf[:n])
		}
		if diff := cmp.Diff(want(piece.out), got.String()); diff != "" {
			t.Fatalf("after %q (-want +got):\n%s", piece.in, diff)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestHostile repeats fragments that leave everything open. Byte by byte must give the same as in one piece.
func TestHostile(t *testing.T) {
	for _, part := range []string{
		`<`, `<a `, `<a>`, `<!--`, `-->`, `<!--<script>`, `<script><!--<script>`, `<style>`, `url(`, `@import "`, `\`, `<noscript>`,
		`<noscript></noscript>`, `<svg>`, `<svg><title>`, `<svg><p>`, `</svg>`, `<astro-island>`, `<a style="&amp;`, `<a srcset=",`,
		`<script type=importmap>{"imports":{"/a":"/b"}}</script>`, `<svg><![CDATA[`, `<x src=/a `, `</script`, `<title></titl`,
	} {
		for _, opened := range []string{"", "<style>", "<script>", `<a style="`} {
			in := opened + strings.Repeat(part, 300)
			out := rewritten(t, in, newHTMLScanner(testSite(), head{navigated: true}))
			slow, err := io.ReadAll(newBody(io.NopCloser(iotest.OneByteReader(strings.NewReader(in))), newHTMLScanner(testSite(), head{navigated: true})))
			if err != nil || string(slow) != out {
				t.Errorf("%q and many %q: byte by byte differs, %v", opened, part, err)
			}
			if len(out) < len(in) {
				t.Errorf("%q and many %q: %d bytes became %d", opened, part, len(in), len(out))
			}
		}
	}
}
