package socket

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// drainReason is the reason in close frames while the hub drains.
const drainReason = "this server is about to stop"

// drainTime is how long draining takes if the context has no deadline.
const drainTime = 10 * time.Second

// Drain refuses new sockets and closes the open ones, parked ones too, with 1012
// (service restart), spread over three quarters of the time until ctx's deadline
// (10 seconds if it has none), so that not all of them come back at once. It
// returns when all are gone; those left at the deadline are cut, and then the
// error is ctx's.
func (h *Hub) Drain(ctx context.Context) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(drainTime)
	}
	all := h.beginDraining()
	pause := time.Until(deadline) * 3 / 4 / time.Duration(max(len(all), 1))
	for i, s := range all {
		if i > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
		s.closeWith(websocket.CloseServiceRestart, drainReason)
	}
	gone := make(chan struct{})
	go func() {
		h.running.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	for _, s := range h.beginDraining() {
		s.abort()
	}
	<-gone
	return ctx.Err()
}

// beginDraining closes the door and returns the sockets inside.
func (h *Hub) beginDraining() []*socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
	return slices.Collect(maps.Keys(h.sockets))
}
