package prefix

import (
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func TestResponseKind(t *testing.T) {
	tests := []struct {
		name                           string
		status                         int
		method, path, media, encoding  string
		want                           Kind
		wantLengthKept, wantBodyOfSite bool
	}{
		{"page", 200, "GET", "/", "text/html", "", HTML, false, false},
		{"page with charset", 200, "GET", "/", "Text/HTML; charset=utf-8", "", HTML, false, false},
		{"error page", 500, "GET", "/", "text/html", "", HTML, false, false},
		{"identity", 200, "GET", "/", "text/html", "identity", HTML, false, false},
		{"style sheet", 200, "GET", "/a", "text/css", "", CSS, false, false},
		{"client", 200, "GET", "/@vite/client", "text/javascript", "", ViteClient, false, false},
		{"client, base of the site", 200, "GET", "/sub/@vite/client", "application/javascript", "", ViteClient, false, false},
		{"HEAD", 200, "HEAD", "/", "text/html", "", HTML, false, true},
		{"module", 200, "GET", "/src/a.js", "text/javascript", "", None, true, true},
		{"client that is none", 200, "GET", "/@vite/client", "text/plain", "", None, true, true},
		{"encoded", 200, "GET", "/", "text/html", "gzip", None, true, true},
		{"wide characters", 200, "GET", "/", "text/html; charset=UTF-16LE", "", None, true, true},
		{"XHTML", 200, "GET", "/", "application/xhtml+xml", "", None, true, true},
		{"no type", 200, "GET", "/", "", "", None, true, true},
		{"no content", 204, "GET", "/", "text/html", "", None, true, true},
		{"part", 206, "GET", "/", "text/html", "", None, true, true},
		{"not modified", 304, "GET", "/", "text/html", "", None, true, true},
		{"switching", 101, "GET", "/", "text/html", "", None, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Content-Length": {"5"}, "Etag": {`"x"`}, "Last-Modified": {"x"}, "Accept-Ranges": {"bytes"}, "X-Kept": {"x"}}
			if tt.media != "" {
				h.Set("Content-Type", tt.media)
			}
			if tt.encoding != "" {
				h.Set("Content-Encoding", tt.encoding)
			}
			src := &closer{Reader: strings.NewReader("")}
			body, kind := testRewriter(t).Response(Exchange{Method: tt.method, Path: tt.path, Host: "h"}, tt.status, h, src)
			if kind != tt.want {
				t.Errorf("kind = %s, want %s", kind, tt.want)
			}
			if (body == io.ReadCloser(src)) != tt.wantBodyOfSite {
				t.Errorf("body of the site = %v, want %v", !tt.wantBodyOfSite, tt.wantBodyOfSite)
			}
			for _, name := range []string{"Content-Length", "Last-Modified", "Accept-Ranges"} {
				if _, kept := h[name]; kept != tt.wantLengthKept {
					t.Errorf("%s kept = %v, want %v", name, kept, tt.wantLengthKept)
				}
			}
			if h.Get("X-Kept") != "x" {
				t.Error("X-Kept is gone")
			}
		})
	}
}

func TestResponseSwitchingKeepsHeaders(t *testing.T) {
	h := http.Header{"Set-Cookie": {"a=b; Path=/"}}
	testRewriter(t).Response(Exchange{}, http.StatusSwitchingProtocols, h, http.NoBody)
	if diff := cmp.Diff(http.Header{"Set-Cookie": {"a=b; Path=/"}}, h); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// TestResponsePolicy joins header and body: under a policy the page's own map is not merged with ours.
func TestResponsePolicy(t *testing.T) {
	const page = `<head><script nonce=a type=importmap>{"imports":{}}</script></head>`
	for policy, wanted := range map[string]string{
		"script-src 'nonce-a'": `<head>«shim»«map»<script nonce=a type=importmap>{"imports":{}}</script></head>`,
		"img-src 'self'":       `<head>«shim»<script nonce=a type=importmap>{"imports":{«keys»}}</script></head>`,
	} {
		h := http.Header{"Content-Type": {"text/html"}, "Content-Security-Policy": {policy}}
		body, _ := testRewriter(t).Response(Exchange{Method: "GET", Path: "/"}, 200, h, io.NopCloser(strings.NewReader(page)))
		got, err := io.ReadAll(body)
		if err != nil || string(got) != want(wanted) {
			t.Errorf("%s: %s, %v", policy, got, err)
		}
	}
}

func TestResponseDest(t *testing.T) {
	const page = `<title>Error</title><script src="/@vite/client"></script>` // as Astro's error page
	for dest, wanted := range map[string]string{
		"document": `<title>Error</title>«shim»«map»<script src="@/@vite/client"></script>`,
		"iframe":   `<title>Error</title>«shim»«map»<script src="@/@vite/client"></script>`,
		"empty":    `<title>Error</title><script src="@/@vite/client"></script>`,
		"":         `<title>Error</title><script src="@/@vite/client"></script>`,
	} {
		h := http.Header{"Content-Type": {"text/html"}}
		body, _ := testRewriter(t).Response(Exchange{Method: "GET", Path: "/", Dest: dest}, 500, h, io.NopCloser(strings.NewReader(page)))
		got, err := io.ReadAll(body)
		if err != nil || string(got) != want(wanted) {
			t.Errorf("Dest %q: %s, %v, want %s", dest, got, err, want(wanted))
		}
	}
}

func TestKindString(t *testing.T) {
	got := []string{None.String(), HTML.String(), CSS.String(), ViteClient.String()}
	if diff := cmp.Diff([]string{"none", "html", "css", "vite_client"}, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestGolden rewrites a page as Astro 5.18.2 sent it. The shim stands in the golden file as a word.
func TestGolden(t *testing.T) {
	for _, name := range []string{"testdata/astro5/page.html"} {
		in, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{"Content-Type": {"text/html"}}
		body, _ := testRewriter(t).Response(Exchange{Method: "GET", Path: "/", Host: "h"}, 200, h, io.NopCloser(strings.NewReader(string(in))))
		out, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Replace(string(out), shim, "SHIM", 1)
		golden := filepath.FromSlash(name + ".golden")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		wanted, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(wanted), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestShim(t *testing.T) {
	if len(shim) > 4096 {
		t.Errorf("the shim has %d bytes, want at most 4096", len(shim))
	}
	for i := range len(shim) {
		if shim[i] >= 0x80 {
			t.Fatalf("byte %d of the shim is not ASCII: its hash must not depend on the page's encoding", i)
		}
	}
	for _, bad := range []string{"</script", "<!--", "\r"} {
		if strings.Contains(strings.ToLower(shim), bad) {
			t.Errorf("the shim holds %q", bad)
		}
	}
}
