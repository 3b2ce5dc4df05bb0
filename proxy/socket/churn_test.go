package socket

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// Tabs come and go while the session falls asleep, wakes, moves and fails: no
// socket is lost count of, and nothing blocks.
func TestChurn(t *testing.T) {
	r := newRig(t, Options{CloseTimeout: 100 * time.Millisecond, ReloadStagger: time.Millisecond, ReloadGrace: time.Millisecond, MaxParked: 5})
	up := r.serve("t0", upstreamSocket(func(c *websocket.Conn) {
		for i := 0; ; i++ {
			if _, _, err := c.ReadMessage(); err != nil || i > 3 && rand.N(4) == 0 {
				return
			}
			if c.WriteMessage(websocket.TextMessage, []byte(`{"type":"update"}`)) != nil {
				return
			}
		}
	}))
	stop := make(chan struct{})
	var tabs sync.WaitGroup
	for i := range 8 {
		tabs.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, _, err := r.handshake([]string{"vite-hmr", "vite-hmr", "", "vite-ping"}[i%4])
				if err != nil {
					continue
				}
				for range rand.N(8) {
					_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
					if c.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) != nil {
						break
					}
					if _, _, err := c.ReadMessage(); err != nil {
						break
					}
				}
				if rand.N(2) == 0 {
					_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1001, ""), deadline())
				}
				c.Close()
			}
		})
	}
	for i := range 150 {
		switch i % 5 {
		case 0:
			r.phase(session.PhaseAsleep)
		case 1:
			r.phase(session.PhaseStarting)
		case 2, 3:
			r.ready(fmt.Sprintf("t%d", i), up)
		case 4:
			r.phase([]session.Phase{session.PhaseFailed, session.PhaseEnded}[i%2])
		}
		// Some churn between two changes.
		before := len(r.outcomes)
		eventually(t, "a socket to end", func() bool { return len(r.outcomes) > before || len(r.outcomes) == cap(r.outcomes) })
		for len(r.outcomes) > cap(r.outcomes)/2 {
			<-r.outcomes
		}
		for len(r.suspects) > 0 {
			<-r.suspects
		}
	}
	close(stop)
	tabs.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.hub.Drain(ctx); err != nil {
		t.Errorf("Drain = %v, want nil", err)
	}
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if len(r.hub.sockets)+len(r.hub.groups)+r.hub.parked+r.hub.open[HMR]+r.hub.open[Other] != 0 {
		t.Errorf("left over: %d sockets, %d groups, %d parked, open %v", len(r.hub.sockets), len(r.hub.groups), r.hub.parked, r.hub.open)
	}
}
