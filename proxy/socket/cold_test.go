package socket

import (
	"errors"
	"net/http"
	"testing"

	"github.com/webordinary/warmgate/session"
)

// What each class of upgrade gets while nothing can be piped. 101 stands for a
// socket; the HMR socket's later life is tested elsewhere.
func TestUpgradesWithoutTarget(t *testing.T) {
	live := func(p session.Phase) func(*rig) { return func(r *rig) { r.phase(p) } }
	over := func(r *rig) { r.request.Live, r.request.Over = nil, true }
	unknown := func(r *rig) { r.request.Live = nil }
	for _, c := range []struct {
		name             string
		set              func(*rig)
		hmr, ping, other int
		err              error
	}{
		{"asleep", live(session.PhaseAsleep), 101, 503, 503, session.ErrUnavailable},
		{"asked", live(session.PhaseAsked), 101, 503, 503, session.ErrUnavailable},
		{"checking", live(session.PhaseChecking), 101, 503, 503, session.ErrUnavailable},
		{"failed", live(session.PhaseFailed), 101, 503, 502, session.ErrStartFailed},
		{"ended", live(session.PhaseEnded), 101, 101, 404, session.ErrExpired},
		{"over by TTL", over, 101, 101, 404, session.ErrExpired},
		{"unknown", unknown, 404, 101, 404, session.ErrNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Options{})
			c.set(r)
			for protocol, want := range map[string]int{"vite-hmr": c.hmr, "vite-ping": c.ping, "": c.other} {
				got := http.StatusSwitchingProtocols
				if want == got {
					c := r.dial(protocol)
					if protocol == "vite-ping" {
						c.Close()
					}
				} else {
					resp := r.refused(protocol)
					got = resp.StatusCode
					out := r.outcome()
					if out.Status != want || out.Err == nil || protocol == "" && !errors.Is(out.Err, c.err) {
						t.Errorf("%q: Outcome = %+v, want %d because of %v", protocol, out, want, c.err)
					}
					if protocol == "" && want == 503 && resp.Header.Get("Retry-After") == "" {
						t.Errorf("%q: 503 without Retry-After", protocol)
					}
				}
				if got != want {
					t.Errorf("%q: %d, want %d", protocol, got, want)
				}
				if protocol == "vite-ping" && want == 101 {
					r.outcome()
				}
			}
			if got := r.activity(); len(got) > 0 {
				t.Errorf("activity = %v, want none", got)
			}
		})
	}
}
