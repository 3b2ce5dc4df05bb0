//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/google/go-cmp/cmp"
)

// pair is two sites in two tabs of one browser.
type pair struct {
	browser *browser
	sites   [2]*site
	bases   [2]string
	tabs    [2]*tab
}

// TestTwoSites goes through what an unmodified site can do, with two sites at a time: as they are, which is the
// baseline, then as two sessions.
func TestTwoSites(t *testing.T) {
	w, b := newWorkshop(t), newBrowser(t)
	sites := [2]*site{w.addFixture(t, "a"), w.addFixture(t, "b")}
	var known []string // what the console says without Warmgate

	t.Run("direct", func(t *testing.T) {
		p := pair{browser: b, sites: sites, tabs: [2]*tab{b.newTab(t), b.newTab(t)}}
		for i, s := range p.sites {
			p.bases[i], _ = s.serveDirectly(t)
		}
		known = p.tours(t)
		p.afterTour(t)
	})
	t.Run("sessions", func(t *testing.T) {
		p := pair{browser: b, sites: sites, tabs: [2]*tab{b.newTab(t), b.newTab(t)}}
		s := newServer(t, w, unhurried)
		for i, site := range p.sites {
			p.bases[i] = s.base(s.activate(t, site.name))
		}
		p.coldOpen(t)
		for _, line := range p.tours(t) {
			if !slices.Contains(known, line) {
				t.Errorf("the console complains, other than without Warmgate: %s", line)
			}
		}
		p.afterTour(t)
	})
}

func (p *pair) afterTour(t *testing.T) {
	t.Helper()
	t.Run("no cookie decides", p.noCookie)
	t.Run("sockets", p.sockets)
	t.Run("edits", p.edits)
	t.Run("warm load", p.warmLoad)
}

// coldOpen opens both sleeping sessions at once: the warming page comes first, and reloads once into the site.
func (p *pair) coldOpen(t *testing.T) {
	t.Helper()
	for i, tb := range p.tabs {
		tb.open(t, p.bases[i]+"?from=mail#picture")
	}
	for i, tb := range p.tabs {
		awaitHome(t, tb, p.sites[i].name)
		awaitAddress(t, tb, p.bases[i]+"?from=mail#picture")
		if diff := cmp.Diff([]int64{http.StatusServiceUnavailable, http.StatusOK}, tb.documents()); diff != "" {
			t.Errorf("documents of a cold open (-want +got):\n%s\n%s", diff, tb)
		}
		tb.forget()
	}
}

// tours visits everything in both tabs, and returns what the console complained of.
func (p *pair) tours(t *testing.T) []string {
	t.Helper()
	var complaints []string
	for i, tb := range p.tabs {
		tour(t, tb, p.bases[i], p.sites[i].name)
		c := countTraffic(tb, p.bases[i])
		t.Logf("tour of %s: %v %q %q", p.sites[i].name, c, c.redirects, c.escaped)
		if len(c.failed) > 0 {
			t.Errorf("requests failed: %q", c.failed)
		}
		complaints = append(complaints, tb.complaints(p.bases[i])...)
	}
	return complaints
}

// noCookie shows that nothing sets a cookie, and that nothing is missed without any.
func (p *pair) noCookie(t *testing.T) {
	if names := p.browser.cookies(t); len(names) > 0 {
		t.Errorf("cookies were set: %v", names)
	}
	for i, tb := range p.tabs {
		call(t, tb, network.ClearBrowserCookies, cdp.Empty{})
		tb.open(t, p.bases[i])
		awaitHome(t, tb, p.sites[i].name)
	}
}

// sockets checks that each tab's page has one HMR socket, below its own session.
func (p *pair) sockets(t *testing.T) {
	for i, tb := range p.tabs {
		open := tb.openSockets()
		if len(open) != 1 {
			t.Errorf("%s has %d open sockets, want 1:\n%s", p.sites[i].name, len(open), tb)
			continue
		}
		if want := strings.Replace(p.bases[i], "http", "ws", 1); !strings.HasPrefix(open[0].url, want) {
			t.Errorf("socket of %s goes to %s, want %s", p.sites[i].name, open[0].url, want)
		}
	}
}

// edits changes the islands of one site, then of the other. The change appears with state kept and without a reload,
// and the other tab neither shows nor hears anything.
func (p *pair) edits(t *testing.T) {
	for i, tb := range p.tabs {
		other := p.tabs[1-i]
		for _, island := range islands {
			p.edit(t, island, i)
			if got, want := other.text("#"+island.id), fmt.Sprintf("%s of %s: 0", island.id, p.sites[1-i].name); got != want {
				t.Errorf("%s of the other tab says %q, want %q", island.id, got, want)
			}
		}
		if n := len(tb.documents()); n > 0 {
			t.Errorf("%s was loaded again %d times", p.sites[i].name, n)
		}
		for _, s := range other.openSockets() {
			if len(s.received) > 0 {
				t.Errorf("the other tab was told %q", s.received)
			}
		}
		// What the second turn looks at is as it was.
		for _, island := range islands {
			p.sites[i].edit(t, island.file, "edited "+island.id+" of", island.id+" of")
			tb.await(t, fmt.Sprintf("!document.querySelector('#%s').textContent.includes('edited')", island.id))
		}
		tb.open(t, p.bases[i])
		awaitHome(t, tb, p.sites[i].name)
	}
}

// keepsState says whether a framework keeps an island's state over an edit of its markup. Svelte's own update does not.
func (i island) keepsState() bool { return i.id != "svelte" }

func (p *pair) edit(t *testing.T, i island, turn int) {
	t.Helper()
	tb := p.tabs[turn]
	tb.click(t, "#"+i.id)
	tb.awaitText(t, "#"+i.id, fmt.Sprintf("%s of %s: 1", i.id, p.sites[turn].name))
	for _, tb := range p.tabs {
		tb.forget()
	}
	p.sites[turn].edit(t, i.file, i.id+" of", "edited "+i.id+" of")
	count := 1
	if !i.keepsState() {
		count = 0
	}
	tb.awaitText(t, "#"+i.id, fmt.Sprintf("edited %s of %s: %d", i.id, p.sites[turn].name, count))
	if n := len(tb.documents()); n > 0 {
		t.Errorf("an edit of %s loaded the page again", i.file)
	}
}

// inIsland is a picture in the markup of islands. Path mode leaves that markup alone, since the frameworks compare it
// on hydration; such a picture is led back by its Referer.
const inIsland = "/island.svg"

// warmLoad counts what a page costs once everything is there.
func (p *pair) warmLoad(t *testing.T) {
	for i, tb := range p.tabs {
		tb.forget()
		tb.open(t, p.bases[i])
		awaitHome(t, tb, p.sites[i].name)
		checkWarm(t, countTraffic(tb, p.bases[i]))
	}
}

// checkWarm reports redirects, escapes and failures, but for pictures in islands.
func checkWarm(t *testing.T, c traffic) {
	t.Helper()
	t.Logf("warm load: %v", c)
	bad := slices.DeleteFunc(slices.Concat(c.redirects, c.escaped, c.failed), func(line string) bool {
		return strings.HasSuffix(line, inIsland)
	})
	if len(bad) > 0 {
		t.Errorf("warm load: redirected, escaped or failed: %q; want none", bad)
	}
}

// TestDemo loads the demo, as `make run` shows it.
func TestDemo(t *testing.T) {
	w := newWorkshop(t)
	site := w.add(t, "demo", demo, demo)
	s := newServer(t, w, unhurried)
	base := s.base(s.activate(t, "demo"))
	tb := newBrowser(t).newTab(t)

	whole := `document.readyState === "complete" && document.querySelector("#counter") && !document.querySelector("astro-island[ssr]")`
	tb.look(t, 1280, 800, "light")
	tb.open(t, base)
	tb.await(t, whole)
	tb.settle(t)
	tb.picture(t, "demo")

	tb.forget()
	tb.open(t, base)
	tb.await(t, whole)
	tb.settle(t)
	checkWarm(t, countTraffic(tb, base))

	tb.click(t, "#counter")
	tb.awaitText(t, "#count", "Lamps lit: 1")
	site.edit(t, "src/components/Counter.jsx", "Lamps lit", "Lamps burning")
	tb.awaitText(t, "#count", "Lamps burning: 1")
	tb.click(t, "#ask")
	tb.await(t, `/^\d\d:\d\d:\d\d$/.test(document.querySelector("#time").textContent)`)
	tb.click(t, "#redirected")
	tb.await(t, whole)
	awaitAddress(t, tb, base)
}
