//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestEditLatency measures how long edits of an island take to the screen: of one site as it is, and of its twin as a
// session, in turns. It fails if an edit does not arrive, and reports the times without judging them: a busy machine
// would.
func TestEditLatency(t *testing.T) {
	const rounds = 30
	w, b := newWorkshop(t), newBrowser(t)
	sites := [2]*site{w.addFixture(t, "a"), w.addFixture(t, "b")}
	s := newServer(t, w, unhurried)
	direct, _ := sites[0].serveDirectly(t)
	bases := [2]string{direct, s.base(s.activate(t, "b"))}

	tabs := [2]*tab{b.newTab(t), b.newTab(t)}
	for i, tb := range tabs {
		tb.open(t, bases[i])
		awaitHome(t, tb, sites[i].name)
	}
	var took [2][]time.Duration
	var added []time.Duration
	for round := range rounds {
		// One island after the other, since Vite's watcher drops the second of two edits of a file within 50 ms.
		island, turn := islands[round%len(islands)], round/len(islands)
		before, after := island.id+" of", fmt.Sprintf("%s %d of", island.id, turn)
		if turn > 0 {
			before = fmt.Sprintf("%s %d of", island.id, turn-1)
		}
		for n := range tabs {
			i := (round + n) % len(tabs) // who goes first changes
			took[i] = append(took[i], tabs[i].timeEdit(t, sites[i], island, before, after))
		}
		added = append(added, took[1][round]-took[0][round])
	}
	for _, c := range []struct {
		name string
		took []time.Duration
	}{{"directly", took[0]}, {"through Warmgate", took[1]}, {"added", added}} {
		t.Logf("an edit's way to the screen, %s: median of %d %v, from %v to %v", c.name, rounds, median(c.took), slices.Min(c.took), slices.Max(c.took))
	}
}

// timeEdit replaces text in an island's file and returns the time from then until the page shows it, by the page's clock.
func (tb *tab) timeEdit(t *testing.T, s *site, i island, before, after string) time.Duration {
	t.Helper()
	watch := fmt.Sprintf(`window.arrived = new Promise(resolve => new MutationObserver((_, o) => {
		if (!document.querySelector("#%s")?.textContent.includes(%q)) return;
		o.disconnect();
		resolve((performance.timeOrigin + performance.now()) * 1000);
	}).observe(document.body, { subtree: true, childList: true, characterData: true })), true`, i.id, after)
	if _, err := ask[bool](tb, watch); err != nil {
		t.Fatalf("watch for %q: %v", after, err)
	}
	written := time.Now()
	s.edit(t, i.file, before, after)
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	micros, err := chromedp.Run(ctx, chromedp.Evaluate[float64]("window.arrived", chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("await %q: %v\n%s", after, err, tb.describe())
	}
	return time.UnixMicro(int64(micros)).Sub(written).Round(100 * time.Microsecond)
}

func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}
