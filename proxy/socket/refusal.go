package socket

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/webordinary/warmgate/session"
)

// errDraining: this replica takes no more sockets.
var errDraining = fmt.Errorf("this server is about to stop: %w", session.ErrUnavailable)

// retryAfter is what a client is told that was refused for want of room.
const retryAfter = 5 * time.Second

// refusal is an upgrade not granted. reason is its metric label; a refusal
// without one is counted elsewhere.
type refusal struct {
	reason     string
	status     int
	retryAfter time.Duration
	err        error
}

func refuseFull(reason, what string) *refusal {
	return &refusal{
		reason: reason, status: http.StatusServiceUnavailable, retryAfter: retryAfter,
		err: &session.RefusedError{What: what, RetryAfter: retryAfter},
	}
}

func refuseDraining() *refusal {
	return &refusal{reason: "draining", status: http.StatusServiceUnavailable, retryAfter: retryAfter, err: errDraining}
}

// refuseUnready says why a session in this state takes no socket that cannot wait.
func refuseUnready(b *session.Backend) *refusal {
	switch b.Phase {
	case session.PhaseEnded:
		return &refusal{reason: "over", status: http.StatusNotFound, err: session.ErrExpired}
	case session.PhaseFailed:
		return &refusal{reason: "failed", status: http.StatusBadGateway, err: failure(b)}
	}
	return &refusal{
		reason: "cold", status: http.StatusServiceUnavailable, retryAfter: retryAfter,
		err: fmt.Errorf("the session is not ready: %w", session.ErrUnavailable),
	}
}

// failure is the cause of a failed start.
func failure(b *session.Backend) error {
	if b.Err != nil {
		return b.Err
	}
	return session.ErrStartFailed
}

// refuse answers with the refusal. The connection is not used again: bytes that
// the client sent behind its handshake are no request.
func (h *Hub) refuse(w http.ResponseWriter, r *http.Request, f *refusal) Outcome {
	if f.reason != "" {
		h.metrics.refused.WithLabelValues(f.reason).Inc()
	}
	header := w.Header()
	header.Set("Connection", "close")
	if f.status == http.StatusUpgradeRequired {
		header.Set("Upgrade", "websocket")
		header.Set("Connection", "Upgrade, close")
		header.Set("Sec-WebSocket-Version", "13")
	}
	if f.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(f.retryAfter.Seconds())))
	}
	h.options.Refuse(w, r, f.status, f.err)
	return Outcome{Kind: KindOf(r), Status: f.status, Err: f.err}
}
