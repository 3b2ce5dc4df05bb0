package prefix

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// page returns a page of about n bytes: the sample of testdata with its body repeated.
func page(b *testing.B, n int) string {
	b.Helper()
	sample, err := os.ReadFile("testdata/astro5/page.html")
	if err != nil {
		b.Fatal(err)
	}
	begin, rest, _ := strings.Cut(string(sample), "<nav")
	content, end, _ := strings.Cut("<nav"+rest, "</body>")
	times := max(1, (n-len(begin))/len(content))
	return begin + strings.Repeat(content, times) + "</body>" + end
}

func benchmark(b *testing.B, path, media, in string, whole bool) {
	rw := testRewriter(b)
	buf := make([]byte, 32<<10)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		h := http.Header{"Content-Type": {media}, "Vary": {"Origin"}}
		body, _ := rw.Response(Exchange{Method: "GET", Path: path, Host: "edit.example.com"}, 200, h, io.NopCloser(strings.NewReader(in)))
		for {
			_, err := body.Read(buf)
			if err != nil || !whole {
				break
			}
		}
	}
}

func BenchmarkHTML8k(b *testing.B)   { benchmark(b, "/", "text/html", page(b, 8<<10), true) }
func BenchmarkHTML100k(b *testing.B) { benchmark(b, "/", "text/html", page(b, 100_000), true) }

// BenchmarkHTMLFirstByte is the time until the first Read of a 100 kB page returns.
func BenchmarkHTMLFirstByte(b *testing.B) {
	benchmark(b, "/", "text/html", page(b, 100_000), false)
}

func BenchmarkViteClient300k(b *testing.B) {
	benchmark(b, "/@vite/client", "text/javascript", viteClient(300_000), true)
}

func BenchmarkCSS100k(b *testing.B) {
	benchmark(b, "/a.css", "text/css", strings.Repeat(".card > a:hover { color: #123456; background: url(/img/a.png) }\n", 1600), true)
}

// BenchmarkNotRewritten is what every other answer pays.
func BenchmarkNotRewritten(b *testing.B) {
	benchmark(b, "/a.png", "image/png", "x", true)
}

// BenchmarkHostileTag is a tag of 1 MB that comes byte by byte.
func BenchmarkHostileTag(b *testing.B) {
	in := `<a href="/x"` + strings.Repeat(" a=b", 250_000)
	for b.Loop() {
		body := newBody(io.NopCloser(&single{in}), newHTMLScanner(testSite(), head{}))
		if _, err := io.Copy(io.Discard, body); err != nil {
			b.Fatal(err)
		}
	}
}

// single returns one byte at a time.
type single struct{ data string }

func (s *single) Read(p []byte) (int, error) {
	if s.data == "" {
		return 0, io.EOF
	}
	p[0], s.data = s.data[0], s.data[1:]
	return 1, nil
}
