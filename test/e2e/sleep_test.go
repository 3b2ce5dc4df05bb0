//go:build e2e

package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quiet is how long a tab is watched that has to be silent. Vite's client would ask once a second.
const quiet = 6 * time.Second

// TestSleep leaves a tab alone: its session falls asleep, the tab stays quiet, and comes back by itself, once, when
// another tab has woken the session.
func TestSleep(t *testing.T) {
	w := newWorkshop(t)
	w.addFixture(t, "a")
	s := newServer(t, w, drowsy)
	b := newBrowser(t)
	id := s.activate(t, "a")
	idle := b.newTab(t)
	idle.open(t, s.base(id))
	awaitHome(t, idle, "a")

	s.awaitStatus(t, id, "inactive")
	eventually(t, "the dev server to be gone", func() bool { return len(s.processes(t)) == 0 })
	idle.forget()
	before := s.accessed(id)
	throughout(t, quiet, "the tab asks for nothing and the session sleeps", func() bool {
		return len(idle.seen()) == 0 && s.accessed(id) == before && s.statusOf(t, id) == "inactive"
	})
	if complaints := idle.complaints(s.base(id)); len(complaints) > 0 {
		t.Errorf("the idle tab complains: %q", complaints)
	}
	if !idle.holds(`document.body.dataset.page === "home"`) {
		t.Error("the idle tab no longer shows its page")
	}

	other := b.newTab(t)
	other.open(t, s.base(id))
	awaitHome(t, other, "a")
	eventually(t, "the idle tab to reload", func() bool { return len(idle.documents()) > 0 })
	awaitHome(t, idle, "a")
	throughout(t, quiet, "the idle tab has reloaded once", func() bool {
		return cmp.Equal(idle.documents(), []int64{http.StatusOK})
	})
}

// TestEnded ends a session under an open tab, awake and asleep: the tab reloads once, shows the ended page, and asks
// no more.
func TestEnded(t *testing.T) {
	w := newWorkshop(t)
	w.addFixture(t, "a")
	b := newBrowser(t)
	for state, c := range map[string]clocks{"active": unhurried, "inactive": drowsy} {
		t.Run(state, func(t *testing.T) {
			s := newServer(t, w, c)
			id := s.activate(t, "a")
			tb := b.newTab(t)
			tb.open(t, s.base(id))
			awaitHome(t, tb, "a")
			s.awaitStatus(t, id, state)
			tb.forget()

			s.end(t, id)
			eventually(t, "the tab to reload", func() bool { return len(tb.documents()) > 0 })
			tb.settle(t)
			if diff := cmp.Diff([]int64{http.StatusNotFound}, tb.documents()); diff != "" {
				t.Errorf("documents after the end (-want +got):\n%s", diff)
			}
			tb.forget()
			throughout(t, quiet, "the tab asks no more", func() bool { return len(tb.seen()) == 0 })
			if !tb.holds(`document.readyState === "complete" && !document.body.dataset.site`) {
				t.Errorf("the tab does not show the ended page:\n%s", tb.describe())
			}
		})
	}
}

// TestTimer opens a page whose own timer asks for something for ever. Its session falls asleep all the same, and the
// timer wakes it at most once.
func TestTimer(t *testing.T) {
	w := newWorkshop(t)
	w.addFixture(t, "a")
	s := newServer(t, w, drowsy)
	id := s.activate(t, "a")
	tb := newBrowser(t).newTab(t)
	tb.open(t, s.base(id)+"timer")
	tb.await(t, "Number(document.body?.dataset.answers) > 2")

	asleep, wakes := false, 0
	var since time.Time
	eventually(t, "the session to sleep soundly", func() bool {
		now := s.statusOf(t, id) == "inactive"
		switch {
		case now && !asleep:
			since = time.Now()
		case !now && asleep:
			wakes++
		}
		asleep = now
		return asleep && time.Since(since) > 2*quiet
	})
	if wakes > 1 {
		t.Errorf("the timer woke the session %d times, want at most once", wakes)
	}
}
