//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
)

// TestOurPages looks at the pages that are Warmgate's own, wide and narrow, light and dark, and leaves their pictures
// in test/out.
func TestOurPages(t *testing.T) {
	w := newWorkshop(t)
	w.addScript(t, "slow", `
		console.log('optimizing dependencies');
		setInterval(() => {}, 1000);
	`)
	w.addScript(t, "broken", `
		console.error("Cannot find module 'left-pad' imported from src/pages/index.astro");
		process.exit(1);
	`)
	s := newServer(t, w, unhurried)
	b := newBrowser(t)
	ended := s.activate(t, "slow")
	s.end(t, ended)

	for _, page := range []struct {
		name, id string
		status   int
		says     string
	}{
		{"warming", s.activate(t, "slow"), http.StatusServiceUnavailable, ""},
		{"error", s.activate(t, "broken"), http.StatusBadGateway, "left-pad"},
		{"ended", ended, http.StatusNotFound, ""},
		{"unknown", "0123456789abcdef0123456789abcdef", http.StatusNotFound, ""},
	} {
		t.Run(page.name, func(t *testing.T) {
			for _, size := range []struct {
				name          string
				width, height int64
			}{{"wide", 1280, 800}, {"narrow", 390, 844}} {
				for _, scheme := range []string{"light", "dark"} {
					tb := b.newTab(t)
					tb.look(t, size.width, size.height, scheme)
					tb.open(t, s.base(page.id))
					eventually(t, fmt.Sprintf("a document with status %d", page.status), func() bool {
						all := tb.documents()
						return len(all) > 0 && all[len(all)-1] == int64(page.status)
					})
					tb.await(t, fmt.Sprintf(`document.readyState === "complete" && document.body.innerText.includes(%q)`, page.says))
					if tb.holds("document.documentElement.scrollWidth > document.documentElement.clientWidth") {
						t.Errorf("%s, %s: wider than the screen", page.name, size.name)
					}
					tb.checkOnlyOwn(t)
					tb.picture(t, strings.Join([]string{page.name, size.name, scheme}, "-"))
				}
			}
		})
	}
}

// checkOnlyOwn checks that a page of ours asked for nothing but itself and its event stream.
func (tb *tab) checkOnlyOwn(t *testing.T) {
	t.Helper()
	for _, q := range tb.seen() {
		switch q.kind {
		case network.ResourceTypeDocument, network.ResourceTypeEventSource, network.ResourceTypeFetch:
		default:
			if !strings.HasSuffix(q.url, "/favicon.ico") {
				t.Errorf("the page asks for %s %s", q.kind, q.url)
			}
		}
	}
	for _, line := range tb.complaints("http://none/") {
		if !strings.HasPrefix(line, "error: Failed to load resource: the server responded with a status of") {
			t.Errorf("the page complains: %s", line)
		}
	}
}

// TestWithoutJavaScript opens a sleeping session in a browser that runs no scripts.
func TestWithoutJavaScript(t *testing.T) {
	w := newWorkshop(t)
	w.addFixture(t, "a")
	s := newServer(t, w, unhurried)
	tb := newBrowser(t).newTab(t)
	call(t, tb, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tb.open(t, s.base(s.activate(t, "a")))
	eventually(t, "the warming page to lead to the site", func() bool {
		all := tb.documents()
		return len(all) > 1 && all[0] == http.StatusServiceUnavailable && all[len(all)-1] == http.StatusOK
	})
}

// TestHeld asks for a sleeping session's page as curl does: the answer is the site, after the start.
func TestHeld(t *testing.T) {
	w := newWorkshop(t)
	w.addFixture(t, "a")
	s := newServer(t, w, unhurried)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base(s.activate(t, "a")), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "*/*")
	request.Header.Set("User-Agent", "curl/8.5.0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || !strings.Contains(string(body), "home of a") {
		t.Errorf("GET of a sleeping session = %s, want the site:\n%s", response.Status, body)
	}
}
