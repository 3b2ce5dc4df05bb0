package socket

import (
	"net/http"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Request is what the caller knows about an upgrade request.
type Request struct {
	// Live is the session; nil if there is none. The hub takes holds of its own.
	Live *session.Live
	// Over: the look-up says that the session is over, whatever Live shows; Live
	// may be nil.
	Over bool
	// Upstream says where the handshake with the target goes: a ws:// URL with the
	// path and query that the site knows, and the header, which becomes the hub's:
	// Host, Origin, Cookie, Sec-Websocket-Protocol and whatever else is to be
	// passed on. Fields of the handshake itself are taken out of it. It is called
	// at most once, before Serve returns, if the session is ready; an error is
	// answered with 502.
	Upstream func(session.Target) (url string, header http.Header, err error)
	// Header, if not nil, may change the header of the upstream's answer before it
	// is passed on (Set-Cookie, Location).
	Header func(http.Header)
	// Done, if not nil, is called once: when the upgrade was refused, before Serve
	// returns, or when the socket has closed, on another goroutine. What it holds
	// on to stays in memory as long as the socket.
	Done func(Outcome)
}

// Outcome is what became of an upgrade request.
type Outcome struct {
	Kind Kind
	// Status is what was answered; 101 for a socket, 499 if the client left first.
	Status int
	// Received and Sent count the payload bytes of messages from and to the
	// client, those not passed on not among them.
	Received, Sent int64
	Duration       time.Duration
	// CloseCode is the code of the first close frame seen (RFC 6455 7.4), 1006 if
	// the connection just broke; 0 if there was no socket.
	CloseCode int
	// Err tells why an upgrade was refused, for the log.
	Err error
}

// statusClientGone is logged when the client left before it was answered.
const statusClientGone = 499

// Serve answers the upgrade request r, which [IsUpgrade] recognised, and gives
// the socket to goroutines of the hub. It returns within the handshake timeout
// and never waits for a session. The package comment says which request gets
// which answer. If the store cannot tell whether the session exists, the caller
// answers 503 itself.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, req Request) {
	if req.Done == nil {
		req.Done = func(Outcome) {}
	}
	began := time.Now()
	done := req.Done
	req.Done = func(o Outcome) {
		o.Duration = time.Since(began)
		done(o)
	}
	if f := h.check(r); f != nil {
		req.Done(h.refuse(w, r, f))
		return
	}
	kind := KindOf(r)
	unknown, over, ready := req.state()
	switch {
	case kind == Ping:
		req.Done(h.answerPing(w, r, unknown || over || ready))
	case unknown:
		req.Done(h.refuse(w, r, &refusal{reason: "unknown", status: http.StatusNotFound, err: session.ErrNotFound}))
	case over && kind == Other:
		req.Done(h.refuse(w, r, &refusal{reason: "over", status: http.StatusNotFound, err: session.ErrExpired}))
	case over:
		h.serve(w, r, newSocket(h, kind, nil, req.Done), req)
	default:
		h.serve(w, r, newSocket(h, kind, req.Live, req.Done), req)
	}
}

// check refuses what is no proper handshake or comes from elsewhere.
func (h *Hub) check(r *http.Request) *refusal {
	if err := h.origins.Load().check(r); err != nil {
		return &refusal{reason: "origin", status: http.StatusForbidden, err: err}
	}
	if status, err := checkHandshake(r); err != nil {
		return &refusal{reason: "handshake", status: status, err: err}
	}
	return nil
}

// state says what is known of the request's session.
func (req *Request) state() (unknown, over, ready bool) {
	if req.Over || req.Live == nil {
		return !req.Over, req.Over, false
	}
	b, _ := req.Live.Backend()
	return false, b.Phase == session.PhaseEnded, b.Phase == session.PhaseReady
}

// serve admits the socket and opens it.
func (h *Hub) serve(w http.ResponseWriter, r *http.Request, s *socket, req Request) {
	if f := h.enter(s); f != nil {
		req.Done(h.refuse(w, r, f))
		return
	}
	if out, opened := s.open(w, r, req); !opened {
		s.end(out)
	}
}
