package prefix

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCSS(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"unquoted", `a{b:url(/x)}`, `a{b:url(@/x)}`},
		{"blanks", `a{b:URL( /x )}`, `a{b:URL( @/x )}`},
		{"double quotes", `a{b:url( "/x" )}`, `a{b:url( "@/x" )}`},
		{"single quotes", `a{b:url('/x')}`, `a{b:url('@/x')}`},
		{"two", `a{b:url(/x),url(/y)}`, `a{b:url(@/x),url(@/y)}`},
		{"import, string", `@import "/x";@IMPORT'/y' screen;`, `@import "@/x";@IMPORT'@/y' screen;`},
		{"import, url", `@import url(/x) layer(a);`, `@import url(@/x) layer(a);`},
		{"import, comment", `@import/* a */"/x";`, `@import/* a */"@/x";`},
		{"import of nothing", `@import;a{b:"/x"}`, `@import;a{b:"/x"}`},
		{"import, second string", `@import "/x" "/y"`, `@import "@/x" "/y"`},
		{"other at-rule", `@charset "/x";@namespace "/x";@importer "/x";`, `@charset "/x";@namespace "/x";@importer "/x";`},
		{"string", `a{b:"url(/x)" '/y' url(/z)}`, `a{b:"url(/x)" '/y' url(@/z)}`},
		{"comment", `/* url(/x) " */a{b:url(/y)}/*`, `/* url(/x) " */a{b:url(@/y)}/*`},
		{"no comment in url", `a{b:url(/*x);c:url(/y)}`, `a{b:url(@/*x);c:url(@/y)}`},
		{"escaped quote", `a{b:"\"url(/x)";c:url(/y)}`, `a{b:"\"url(/x)";c:url(@/y)}`},
		{"escaped bracket", `a{b:url(/x\)url(/y)}`, `a{b:url(@/x\)url(/y)}`},
		{"bad string", "a{b:\"x\n;c:url(/y)}", "a{b:\"x\n;c:url(@/y)}"},
		{"line goes on", "a{b:\"x\\\nurl(/x)\";c:url(/y)}", "a{b:\"x\\\nurl(/x)\";c:url(@/y)}"},
		{"other functions", `a{b:xurl(/x) -url(/x) 1url(/x) #url(/x) \url(/x) url2(/x)}`, `a{b:xurl(/x) -url(/x) 1url(/x) #url(/x) \url(/x) url2(/x)}`},
		{"division", `a{b:calc(1/2)/url(/x)}`, `a{b:calc(1/2)/url(@/x)}`},
		{"long word", strings.Repeat("x", 80) + `url(/x)`, strings.Repeat("x", 80) + `url(/x)`},
		{"long address", `url(/` + strings.Repeat("x", 5000) + `)url(/y)`, `url(@/` + strings.Repeat("x", 5000) + `)url(@/y)`},
		{"left alone", `a{b:url(//x/y) url(x) url(data:,/x) url(/session/o/x) url() url(/\/x) url(https://o/x)}`, `a{b:url(//x/y) url(x) url(data:,/x) url(/session/o/x) url() url(/\/x) url(https://o/x)}`},
		{"this host", `url(https://edit.example.com/x)`, `url(https://edit.example.com@/x)`},
		{"cut off", `a{b:url(/x`, `a{b:url(@/x`},
		{"cut off in a string", `a{b:url("/x\`, `a{b:url("@/x\`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := rewritten(t, tt.in, &cssScanner{site: testSite()}); got != want(tt.want) {
				t.Errorf("rewrite of %s = %s, want %s", tt.in, got, want(tt.want))
			}
			slow, err := io.ReadAll(newBody(io.NopCloser(iotest.OneByteReader(strings.NewReader(tt.in))), &cssScanner{site: testSite()}))
			if err != nil || string(slow) != want(tt.want) {
				t.Errorf("byte by byte: %s, %v, want %s", slow, err, want(tt.want))
			}
		})
	}
}
