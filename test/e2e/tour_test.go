//go:build e2e

package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// island is one framework's counter on the fixture's pages.
type island struct{ id, file string }

var islands = []island{
	{"preact", "src/components/preact/Counter.jsx"},
	{"react", "src/components/react/Counter.jsx"},
	{"vue", "src/components/VueCounter.vue"},
	{"svelte", "src/components/SvelteCounter.svelte"},
}

// awaitPage waits for a page of the site to be there whole: its name, every island live, the network quiet.
func awaitPage(t *testing.T, tb *tab, site, name string) {
	t.Helper()
	tb.await(t, fmt.Sprintf(`document.body?.dataset.site === %q && document.body.dataset.page === %q`, site, name))
	tb.await(t, `document.readyState === "complete" && document.querySelectorAll("astro-island[ssr]").length === 0`)
	tb.settle(t)
}

// awaitHome waits for the fixture's first page, whose script has asked the endpoint for two answers.
func awaitHome(t *testing.T, tb *tab, site string) {
	t.Helper()
	awaitPage(t, tb, site, "home")
	tb.await(t, fmt.Sprintf("document.body.dataset.script === %q", site))
	tb.awaitText(t, "#posted", fmt.Sprintf(`{"site":%q,"body":"ping"}`, site))
	tb.settle(t)
}

// tour visits everything in the fixture, below base, and checks that it is there, and of this site.
func tour(t *testing.T, tb *tab, base, site string) {
	t.Helper()
	tb.open(t, base)
	awaitHome(t, tb, site)
	tb.awaitText(t, "#got", fmt.Sprintf(`{"site":%q}`, site))
	for what, condition := range map[string]string{
		"style sheet":     `getComputedStyle(document.body).backgroundColor === "rgb(250, 240, 230)"`,
		"processed image": `document.querySelector("#picture").naturalWidth === 320`,
		"public image":    `document.querySelector("#public").naturalWidth > 0`,
	} {
		if !tb.holds(condition) {
			t.Errorf("%s: %s does not hold", what, condition)
		}
	}
	if !slices.ContainsFunc(tb.seen(), func(q request) bool {
		return strings.HasSuffix(q.url, "/badge.svg") && q.status < 400
	}) {
		t.Error("no picture of a style sheet was loaded")
	}
	for _, i := range islands {
		tb.click(t, "#"+i.id)
		tb.awaitText(t, "#"+i.id, fmt.Sprintf("%s of %s: 1", i.id, site))
	}
	for _, link := range []string{"relative", "absolute", "moved"} {
		tb.click(t, "#"+link)
		awaitPage(t, tb, site, "second")
		awaitAddress(t, tb, base+"second")
		tb.click(t, "#preact")
		tb.awaitText(t, "#preact", fmt.Sprintf("preact of %s: 1", site))
		tb.click(t, "#back")
		awaitHome(t, tb, site)
		awaitAddress(t, tb, base)
	}
	tb.click(t, "#form button")
	awaitPage(t, tb, site, "form")
	awaitAddress(t, tb, base+"form")
	tb.awaitText(t, "#word", "gate")
}

func awaitAddress(t *testing.T, tb *tab, want string) {
	t.Helper()
	tb.await(t, fmt.Sprintf("location.href === %q", want))
}

// traffic is what a tab asked for, counted.
type traffic struct {
	requests  int
	redirects []string
	escaped   []string // asked for outside of base
	failed    []string
}

// countTraffic counts the tab's requests since it last forgot them. A request that the browser itself gave up, since
// the page was left, has not failed.
func countTraffic(tb *tab, base string) traffic {
	var c traffic
	for _, q := range tb.seen() {
		c.requests++
		short := strings.TrimPrefix(q.url, strings.TrimSuffix(base, "/"))
		if q.status >= 300 && q.status < 400 && q.status != 304 {
			c.redirects = append(c.redirects, fmt.Sprintf("%d %s", q.status, short))
		}
		if q.status >= 400 || (q.failure != "" && q.failure != "net::ERR_ABORTED") {
			c.failed = append(c.failed, fmt.Sprintf("%s %s %d %s", q.method, short, q.status, q.failure))
		}
		if escapes(q.url, base) {
			c.escaped = append(c.escaped, q.url)
		}
	}
	return c
}

// escapes says whether an address lies on the host of base, but not below it.
func escapes(address, base string) bool {
	u, err := url.Parse(address)
	b, baseErr := url.Parse(base)
	return err == nil && baseErr == nil && u.Host == b.Host && !strings.HasPrefix(u.Path, b.Path)
}

func (c traffic) String() string {
	return fmt.Sprintf("%d requests, %d redirects, %d escaped, %d failed", c.requests, len(c.redirects), len(c.escaped), len(c.failed))
}
