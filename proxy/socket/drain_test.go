package socket

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestDrainClosesEverySocketInTurn(t *testing.T) {
	r := newRig(t, Options{})
	r.serve("t1", upstreamSocket(echo))
	var all []*websocket.Conn
	for _, protocol := range []string{"", "", "vite-hmr"} {
		all = append(all, r.dial(protocol))
	}
	codes := make(chan int, len(all))
	for _, c := range all {
		go func() {
			code, _, _ := closeCode(t, c)
			codes <- code
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- r.hub.Drain(ctx) }()
	for i := range all {
		if code := receive(t, codes, "a close"); code != websocket.CloseServiceRestart {
			t.Errorf("closed with %d, want 1012", code)
		}
		if i == 0 && len(codes) > 0 {
			t.Error("all sockets were closed at once, want them spread")
		}
	}
	if err := receive(t, drained, "the end of the drain"); err != nil {
		t.Errorf("Drain = %v, want nil", err)
	}
	for _, protocol := range []string{"", "vite-hmr", "vite-ping"} {
		if resp := r.refused(protocol); resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%q after the drain: %d, want 503", protocol, resp.StatusCode)
		}
	}
}

func TestDrainClosesParkedSockets(t *testing.T) {
	r, c := parkedRig(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code := make(chan int, 1)
	go func() {
		got, _, _ := closeCode(t, c)
		code <- got
	}()
	if err := r.hub.Drain(ctx); err != nil {
		t.Errorf("Drain = %v, want nil", err)
	}
	if got := receive(t, code, "the close"); got != websocket.CloseServiceRestart {
		t.Errorf("closed with %d, want 1012", got)
	}
}

// A client that does not answer the close frame, and one still in its
// handshake, are cut at the deadline.
func TestDrainCutsWhatIsLeft(t *testing.T) {
	r := newRig(t, Options{CloseTimeout: time.Hour, HandshakeTimeout: time.Hour})
	r.serve("t1", upstreamSocket(echo))
	r.dial("")
	stuck := make(chan struct{})
	arrived := make(chan struct{})
	r.serve("t1", func(http.ResponseWriter, *http.Request) { close(arrived); <-stuck })
	defer close(stuck)
	conn, _ := r.rawHandshake("", nil)
	defer conn.Close()
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.hub.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain = %v, want the context's error", err)
	}
	for range 2 {
		r.outcome()
	}
}
