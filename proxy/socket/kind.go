package socket

import (
	"net/http"
	"strings"
)

// Kind is what a websocket is for, as its subprotocol tells.
type Kind string

// The kinds of sockets.
const (
	// HMR is the socket over which a Vite dev server sends updates to a tab.
	HMR Kind = "hmr"
	// Ping is the probe of a Vite client that lost its HMR socket. It comes once
	// a second until it is answered with 101; then the tab reloads.
	Ping Kind = "ping"
	// Other is every other websocket.
	Other Kind = "other"
)

// hmrProtocol is the subprotocol of Vite's HMR socket.
const hmrProtocol = "vite-hmr"

// KindOf tells the kind of an upgrade request. Vite offers exactly one
// subprotocol and answers no list of several, hence a list is Other.
func KindOf(r *http.Request) Kind {
	switch strings.TrimSpace(strings.Join(r.Header.Values("Sec-Websocket-Protocol"), ",")) {
	case hmrProtocol:
		return HMR
	case "vite-ping":
		return Ping
	}
	return Other
}
