package proxy

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/webordinary/warmgate/proxy/route"
)

// TestCompress: path mode reads a page plain, whatever the client takes, and the
// client gets it coded, with the prefix in it, where the rule says so.
func TestCompress(t *testing.T) {
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: one\n\n")
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Etag", `"v1"`)
		_, _ = io.WriteString(w, `<html><body><a href="/about">about</a>`+strings.Repeat("<p>warm</p>", 1000))
	})
	for _, compress := range []bool{true, false} {
		rule := sessionRule(route.Session{})
		rule.Compress = compress
		table, err := route.NewTable([]route.Rule{rule})
		if err != nil {
			t.Fatal(err)
		}
		bubble(t, func(t *testing.T) {
			b := newBed(t, site, func(o *Options) { o.Routes = table })
			b.ready()
			page := b.get("/session/demo/", map[string]string{"Accept": "text/html", "Accept-Encoding": "gzip, br"})
			text := page.body
			if coded := page.Header.Get("Content-Encoding") == "gzip"; coded != compress {
				t.Fatalf("coded: %t, want %t", coded, compress)
			}
			if compress {
				z, err := gzip.NewReader(strings.NewReader(page.body))
				if err != nil {
					t.Fatal(err)
				}
				plain, err := io.ReadAll(z)
				if err != nil {
					t.Fatal(err)
				}
				text = string(plain)
				if len(page.body) > len(text)/5 {
					t.Errorf("%d bytes were coded as %d", len(text), len(page.body))
				}
			}
			if !strings.Contains(text, `href="/session/demo/about"`) || !strings.HasSuffix(text, "<p>warm</p>") {
				t.Errorf("the page is not the site's, below its prefix: %.200s", text)
			}
			if tag := page.Header.Get("Etag"); !strings.HasPrefix(tag, `W/"v1`) {
				t.Errorf("ETag is %s, want a weak one", tag)
			}
			events := b.get("/session/demo/events", map[string]string{"Accept-Encoding": "gzip"})
			if events.Header.Get("Content-Encoding") != "" || events.body != "data: one\n\n" {
				t.Errorf("an event stream came as %q, %q", events.Header.Get("Content-Encoding"), events.body)
			}
		})
	}
}
