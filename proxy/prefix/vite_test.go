package prefix

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// viteClient has the shape of Vite's client: three constants among other text, and a source map as one long line.
func viteClient(size int) string {
	const head = "import \"/node_modules/vite/dist/client/env.mjs\";\nconst base$1 = \"/\" || \"/\";\nconst other = \"/\";\n" +
		"const socketHost = `${null || importMetaUrl.hostname}:${hmrPort}${\"/\"}`;\nconst base = \"/\" || \"/\";\nconst base = \"/again\";\n"
	code := head + strings.Repeat("  const value = compute(1);\n", 1800) + "//# sourceMappingURL=data:application/json;base64,"
	return code + strings.Repeat("QUFB", max(0, size-len(code))/4)
}

func TestViteClient(t *testing.T) {
	tests := []struct {
		name, in, want string
		found          int
	}{
		{"all", viteClient(0), strings.NewReplacer(
			`const base$1 = "/"`, `const base$1 = "@/"`, `{hmrPort}${"/"}`, `{hmrPort}${"@/"}`, `const base = "/"`, `const base = "@/"`,
		).Replace(viteClient(0)), 3},
		{"base set by the site", `const base = "/sub/";`, `const base = "@/sub/";`, 1},
		{"below the prefix already", `const base = "@/";`, `const base = "@/";`, 1},
		{"changed", "let base = \"/\";\nconst base = x;\nconst socketHost = `a`;", "let base = \"/\";\nconst base = x;\nconst socketHost = `a`;", 0},
		{"address on another line", "const socketHost = `\n${\"/\"}`", "const socketHost = `\n${\"/\"}`", 0},
		{"empty", "", "", 0},
		{"cut off", `const base = "`, `const base = "`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var found []int
			v := func() *viteScanner {
				return &viteScanner{site: testSite(), found: func(n int) { found = append(found, n) }}
			}
			if got := rewritten(t, want(tt.in), v()); got != want(tt.want) {
				t.Errorf("rewrite = %.300s, want %.300s", got, want(tt.want))
			}
			slow, err := io.ReadAll(newBody(io.NopCloser(iotest.OneByteReader(strings.NewReader(want(tt.in)))), v()))
			if err != nil || string(slow) != want(tt.want) {
				t.Errorf("byte by byte: %.300s, %v, want %.300s", slow, err, want(tt.want))
			}
			if len(found) != 2 || found[0] != tt.found || found[1] != tt.found {
				t.Errorf("found = %v, want twice %d", found, tt.found)
			}
		})
	}
}
