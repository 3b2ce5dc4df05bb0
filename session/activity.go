package session

import "time"

// ActivityKind says what kept a session in use. The kinds fall into the three
// signals that the clocks treat differently: human signs, traffic, presence.
type ActivityKind string

const (
	// Navigation is a page opened by a person (human sign, visit).
	Navigation ActivityKind = "navigation"
	// Management is a call of the management API for this session (human sign, visit).
	Management ActivityKind = "management"
	// HMRUpdate is an update that the dev server sent to a tab: somebody edits (human sign).
	HMRUpdate ActivityKind = "hmr_update"
	// Call is a request of a forward rule, or data on its socket: to a service, of
	// which nobody can tell a person's use from a program's (human sign, visit).
	Call ActivityKind = "call"
	// Request is any other request answered 2xx or 3xx (traffic).
	Request ActivityKind = "request"
	// SocketData is a data frame on a socket, keep-alives excepted (traffic).
	SocketData ActivityKind = "socket_data"
	// Presence is an open socket or response that carries nothing (presence): it
	// keeps awake within the presence limit, but does not restart the idle timeout.
	Presence ActivityKind = "presence"
)

// Visit reports whether k is an explicit call for the session: it restarts the
// awake limit and allows background requests to wake the session once more.
func (k ActivityKind) Visit() bool { return k == Navigation || k == Management || k == Call }

// Human reports whether k is a sign of a person: it restarts the presence limit.
func (k ActivityKind) Human() bool { return k.Visit() || k == HMRUpdate }

// Activity is something that happened to a session.
type Activity struct {
	At   time.Time    `json:"at"`
	Kind ActivityKind `json:"kind"`
}
