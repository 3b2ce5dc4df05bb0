package socket

import (
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

func TestVitePing(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("t1", func(_ http.ResponseWriter, req *http.Request) { t.Errorf("the upstream got %s", req.URL) })
	for p, want := range map[session.Phase]int{
		session.PhaseAsleep: 503, session.PhaseStarting: 503, session.PhaseFailed: 503,
		session.PhaseReady: 101, session.PhaseEnded: 101,
	} {
		r.phase(p)
		if want == http.StatusServiceUnavailable {
			if got := r.refused("vite-ping").StatusCode; got != want {
				t.Errorf("%s: %d, want %d", p, got, want)
			}
		} else if code, _, _ := closeCode(t, r.dial("vite-ping")); code != websocket.CloseNormalClosure {
			t.Errorf("%s: closed with %d, want 1000", p, code)
		}
		if out := r.outcome(); out.Kind != Ping || out.Status != want {
			t.Errorf("%s: Outcome = %+v, want a ping answered %d", p, out, want)
		}
	}
	if r.live.Sockets().Value() != 0 || len(r.activity()) > 0 {
		t.Errorf("pings count: %d sockets, activity %v", r.live.Sockets().Value(), r.activity())
	}
}
