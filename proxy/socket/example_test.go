package socket_test

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/webordinary/warmgate/proxy/socket"
	"github.com/webordinary/warmgate/session"
)

// How a handler that knows the session serves its websockets.
func ExampleHub() {
	var extender session.Extender
	hub := socket.New(socket.Options{
		Touch: func(l *session.Live, k session.ActivityKind) {
			extender.Touch(l, session.Activity{At: time.Now(), Kind: k})
		},
	})
	sessions := session.NewRegistry(session.Clocks{})

	_ = func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		live := sessions.Acquire(s)
		defer live.Release()
		path := r.URL.Path
		hub.Serve(w, r, socket.Request{
			Live: live,
			Over: s.Over(time.Now()),
			Upstream: func(t session.Target) (string, http.Header, error) {
				header := r.Header.Clone()
				header.Set("Host", r.Host)
				return "ws://" + t.Addr + r.URL.RequestURI(), header, nil
			},
			// Holds the path only: the request would stay in memory otherwise.
			Done: func(o socket.Outcome) { slog.Info("websocket", "path", path, "status", o.Status) },
		})
	}
}
