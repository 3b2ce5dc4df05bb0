package socket

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// state is how far a socket's life has come. It only moves forward, except that
// a socket whose session fell asleep again before its tab was told to reload is
// parked once more.
type state int

const (
	// opening: not upgraded yet.
	opening state = iota
	// piped: both legs are open.
	piped
	// parked: the browser's leg alone is open.
	parked
	// reloading: parked, and the tab is about to be told, or was told, to reload.
	reloading
	// closing: a close frame came or went, or a leg broke.
	closing
)

// socket is one admitted upgrade. Fields above mu are set before its goroutines
// start, or look after themselves.
type socket struct {
	hub  *Hub
	kind Kind
	// live is nil for a socket whose session is over.
	live  *session.Live
	group *group
	done  func(Outcome)
	// ctx ends with the socket.
	ctx    context.Context
	cancel context.CancelFunc

	client *websocket.Conn
	// url and host are what the upstream's handshake was made with.
	url, host string
	// upstreamDone is closed when nobody deals with the upstream any more; nil if
	// nobody ever did.
	upstreamDone chan struct{}
	// sending is held while a message is written to the client.
	sending sync.Mutex

	received, sent atomic.Int64
	touches        touches

	mu    sync.Mutex
	state state
	// up is the upstream leg; nil while parked.
	up *websocket.Conn
	// task is the target's that up leads, or led, to; "" when any ready target
	// is a reason to reload.
	task string
	// holdsParked: counted as parked, not as open to the target.
	holdsParked bool
	closeCode   int
	heartbeat   *time.Timer
}

func newSocket(h *Hub, k Kind, l *session.Live, done func(Outcome)) *socket {
	s := &socket{hub: h, kind: k, live: l, done: done}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// start sets the legs to work. up is nil for a parked socket; if it has a task,
// that one's restart is waited for.
func (s *socket) start(up *websocket.Conn, task string) {
	s.prepare(s.client, func() {
		if s.upstream() != nil {
			s.touch(session.Presence)
		}
	})
	if up != nil {
		s.prepare(up, func() {})
	}
	s.mu.Lock()
	s.up, s.task, s.state = up, task, piped
	if up == nil {
		s.state = parked
	}
	every := s.hub.options.PingInterval
	s.heartbeat = time.AfterFunc(every/2+rand.N(every/2), s.beat)
	if up != nil || task != "" {
		s.upstreamDone = make(chan struct{})
		go s.runUpstream(up, task)
	}
	s.mu.Unlock()
	go s.readClient()

	switch {
	case s.group != nil:
		s.group.poke()
	case s.live == nil:
		s.reload(0)
	}
	if s.hub.isDraining() {
		s.closeWith(websocket.CloseServiceRestart, drainReason)
	}
}

// prepare gives a leg its limits. Close frames are not answered here but passed
// to the other leg, whose answer comes back. ponged is called for each pong.
func (s *socket) prepare(leg *websocket.Conn, ponged func()) {
	o := &s.hub.options
	leg.SetReadLimit(o.MaxMessage)
	leg.SetCloseHandler(func(int, string) error { return nil })
	leg.SetPongHandler(func(string) error {
		s.heard(leg)
		ponged()
		return nil
	})
	leg.SetPingHandler(func(data string) error {
		s.heard(leg)
		control(leg, websocket.PongMessage, []byte(data), o.WriteTimeout)
		return nil
	})
}

// control sends a control frame within the time. If that fails, the leg is
// broken and its reader notices.
func control(leg *websocket.Conn, frame int, payload []byte, timeout time.Duration) {
	_ = leg.WriteControl(frame, payload, time.Now().Add(timeout))
}

// heard gives the peer on this leg another term to say something.
func (s *socket) heard(leg *websocket.Conn) {
	_ = leg.SetReadDeadline(time.Now().Add(s.hub.options.PeerTimeout))
}

// beat pings both peers, and again later.
func (s *socket) beat() {
	control(s.client, websocket.PingMessage, nil, s.hub.options.WriteTimeout)
	if up := s.upstream(); up != nil {
		control(up, websocket.PingMessage, nil, s.hub.options.WriteTimeout)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() == nil {
		s.heartbeat.Reset(s.hub.options.PingInterval)
	}
}

// upstream returns the upstream leg, or nil while there is none.
func (s *socket) upstream() *websocket.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

// send writes a message of ours to the client. If that fails, the leg is broken
// and its reader notices.
func (s *socket) send(message []byte) {
	s.sending.Lock()
	defer s.sending.Unlock()
	_ = s.client.SetWriteDeadline(time.Now().Add(s.hub.options.WriteTimeout))
	if s.client.WriteMessage(websocket.TextMessage, message) != nil {
		s.client.Close()
	}
}

// countParked counts the socket as parked, if there is room.
func (s *socket) countParked() bool {
	if !s.hub.reserveParked() {
		return false
	}
	s.holdsParked = true
	if s.live != nil {
		s.live.Parked().Add(1)
		s.live.Sockets().Add(-1)
	}
	return true
}

// end gives back everything that the socket holds, and reports.
func (s *socket) end(out Outcome) {
	s.cancel()
	if s.holdsParked {
		s.hub.releaseParked()
	}
	s.hub.leave(s)
	if s.live != nil {
		if s.holdsParked {
			s.live.Parked().Add(-1)
		} else {
			s.live.Sockets().Add(-1)
		}
		s.live.Release()
	}
	s.done(out)
	s.hub.running.Done()
}

// finish ends a socket whose client leg is done with.
func (s *socket) finish() {
	s.cut()
	s.cancel()
	if s.upstreamDone != nil {
		<-s.upstreamDone
	}
	s.mu.Lock()
	s.heartbeat.Stop()
	code := s.closeCode
	s.mu.Unlock()
	s.end(Outcome{
		Kind: s.kind, Status: http.StatusSwitchingProtocols, CloseCode: code,
		Received: s.received.Load(), Sent: s.sent.Load(),
	})
}

// cut breaks both legs.
func (s *socket) cut() {
	s.client.Close()
	if up := s.upstream(); up != nil {
		up.Close()
	}
}

// abort ends the socket at once, also one that is not open yet.
func (s *socket) abort() {
	s.cancel()
	s.mu.Lock()
	isOpen := s.state != opening
	s.mu.Unlock()
	if isOpen {
		s.cut()
	}
}
