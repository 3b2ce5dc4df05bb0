package admin

import (
	"net/http"
	"sync/atomic"
)

// Health answers /healthz and /readyz. It depends on nothing but what it was
// told: a store or a driver that cannot be reached is no reason to restart this
// process or to send clients elsewhere. The zero value is starting. Safe for
// concurrent use.
type Health struct{ state atomic.Int32 }

const (
	starting int32 = iota
	ready
	draining
)

// Ready makes /readyz answer 200, unless Drain was called before.
func (h *Health) Ready() { h.state.CompareAndSwap(starting, ready) }

// Drain makes /readyz answer 503 for good.
func (h *Health) Drain() { h.state.Store(draining) }

// Handler serves /healthz and /readyz.
func (h *Health) Handler() http.Handler {
	mux := http.NewServeMux()
	h.register(mux)
	return mux
}

func (h *Health) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch h.state.Load() {
		case ready:
			say(w, http.StatusOK, "ready")
		case draining:
			say(w, http.StatusServiceUnavailable, "draining")
		default:
			say(w, http.StatusServiceUnavailable, "starting")
		}
	})
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // whoever has gone needs no answer
}
