package socket

import (
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

func TestCaps(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		phase   session.Phase
	}{
		"session": {Options{MaxPerSession: 2}, session.PhaseReady},
		"all":     {Options{MaxOpen: 2}, session.PhaseReady},
		"parked":  {Options{MaxParked: 2}, session.PhaseAsleep},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.options)
			r.serve("t1", upstreamSocket(echo))
			if c.phase != session.PhaseReady {
				r.phase(c.phase)
			}
			first := r.dial("vite-hmr")
			r.dial("vite-hmr")
			resp := r.refused("vite-hmr")
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
				t.Errorf("third socket: %d %v, want 503 with Retry-After", resp.StatusCode, resp.Header)
			}
			r.outcome()
			first.Close()
			r.outcome()
			r.dial("vite-hmr")
		})
	}
}

// A session that falls asleep with more tabs than may be parked: the rest is
// closed, and asks.
func TestNoRoomToPark(t *testing.T) {
	r := newRig(t, Options{MaxParked: 1})
	r.serve("t1", upstreamSocket(echo))
	codes := make(chan int, 2)
	for range 2 {
		c := r.dial("vite-hmr")
		go func() {
			code, _, _ := closeCode(t, c)
			codes <- code
		}()
	}
	r.phase(session.PhaseAsleep)
	if code := receive(t, codes, "a close"); code != websocket.CloseTryAgainLater {
		t.Errorf("closed with %d, want 1013", code)
	}
	r.outcome()
	r.awaitParked(1)
}
