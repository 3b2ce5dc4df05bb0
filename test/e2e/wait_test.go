//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// patience bounds every wait for something that must happen. It is far above what a busy machine needs.
const patience = 60 * time.Second

// poll asks ok again and again until it holds, and says whether it did in time.
func poll(ok func() bool) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if ok() {
			return true
		}
	}
	return false
}

// eventually waits until ok holds; at the deadline it fails the test and says what was awaited.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !poll(ok) {
		t.Fatalf("after %v still waiting: %s", patience, what)
	}
}

// throughout watches for the whole of d that ok holds, and fails the test at the first time it does not.
func throughout(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(d); time.Now().Before(deadline); <-tick.C {
		if !ok() {
			t.Fatalf("does not hold for %v: %s", d, what)
		}
	}
}
