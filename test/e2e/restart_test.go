//go:build e2e

package e2e

import (
	"slices"
	"syscall"
	"testing"
)

// TestKilled ends the server by SIGKILL, so that it can clean up nothing, and starts it again: the session is there and
// can be used, and the dev server of the first run is gone.
func TestKilled(t *testing.T) {
	w := newWorkshop(t)
	w.addFixture(t, "a")
	s := newServer(t, w, unhurried)
	b := newBrowser(t)
	id := s.activate(t, "a")
	tb := b.newTab(t)
	tb.open(t, s.base(id))
	awaitHome(t, tb, "a")
	orphans := s.processes(t)
	if len(orphans) == 0 {
		t.Fatal("no dev server runs")
	}

	s.stop(t, syscall.SIGKILL)
	s.start(t)
	eventually(t, "the orphans to be gone", func() bool {
		return !slices.ContainsFunc(s.processes(t), func(p string) bool { return slices.Contains(orphans, p) })
	})
	if got := s.statusOf(t, id); got == "expired" || got == "draining" {
		t.Errorf("status after the restart = %s", got)
	}
	second := b.newTab(t)
	second.open(t, s.base(id))
	awaitHome(t, second, "a")
	// The tab of before has lost its socket, asks for it once a second, and reloads when it gets it.
	awaitHome(t, tb, "a")
	eventually(t, "the first tab to have its socket again", func() bool { return len(tb.openSockets()) == 1 })
}
