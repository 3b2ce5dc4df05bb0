//go:build e2e

package e2e

import "testing"

// TestDirect is the baseline: what the fixture does, asks for and complains of with nothing in front of it.
func TestDirect(t *testing.T) {
	s := newWorkshop(t).addFixture(t, "a")
	base, stop := s.serveDirectly(t)
	defer stop()
	tb := newBrowser(t).newTab(t)
	tour(t, tb, base, s.name)
	t.Logf("tour: %v", countTraffic(tb, base))
	t.Logf("complaints: %q", tb.complaints(base))

	tb.open(t, base)
	awaitHome(t, tb, s.name)
	tb.forget()
	tb.open(t, base)
	awaitHome(t, tb, s.name)
	t.Logf("warm load: %v", countTraffic(tb, base))
}
