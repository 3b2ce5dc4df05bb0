package socket

import (
	"errors"
	"time"

	"github.com/gorilla/websocket"
)

// clientClosed ends the socket from the client's side: the close frame goes to
// the upstream, whose answer goes back, unless it does not come in time.
func (s *socket) clientClosed(err error) {
	payload, code, clean := closeFrame(err)
	s.beginClosing(code)
	if !clean {
		return
	}
	if up := s.upstream(); up != nil {
		late := time.AfterFunc(s.hub.options.CloseTimeout, s.cut)
		defer late.Stop()
		s.sendClose(up, payload)
		<-s.upstreamDone
	}
	// Has no effect if the upstream's answer, or a close frame of ours, went out.
	s.sendClose(s.client, payload)
}

// upstreamClosed ends the socket from the upstream's side, or parks it. A leg
// that ends without a close frame ends the other one without.
func (s *socket) upstreamClosed(err error) {
	if s.kind == HMR {
		s.lost(errors.Is(err, errTruncated))
	}
	if s.upstream() == nil {
		return
	}
	payload, code, clean := closeFrame(err)
	first := s.beginClosing(code)
	switch {
	case clean:
		if first {
			time.AfterFunc(s.hub.options.CloseTimeout, s.cut)
		}
		s.sendClose(s.client, payload)
	case first:
		s.client.Close()
	}
}

// beginClosing marks an open socket as closing and reports whether it was not yet.
func (s *socket) beginClosing(code int) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == opening || s.state == closing {
		return false
	}
	s.state, s.closeCode = closing, code
	return true
}

// closeWith closes the socket from our side, without waiting for it.
func (s *socket) closeWith(code int, reason string) {
	if !s.beginClosing(code) {
		return
	}
	time.AfterFunc(s.hub.options.CloseTimeout, s.cut)
	go func() {
		s.sendClose(s.client, websocket.FormatCloseMessage(code, reason))
		if up := s.upstream(); up != nil {
			s.sendClose(up, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""))
		}
	}()
}

// sendClose sends a close frame on a leg, unless one was sent before.
func (s *socket) sendClose(leg *websocket.Conn, payload []byte) {
	control(leg, websocket.CloseMessage, payload, s.hub.options.CloseTimeout)
}

// closeFrame returns the payload of the close frame that err stands for, and its
// code. clean is false if there was none: the connection broke, or the peer
// broke the protocol and was told so.
func closeFrame(err error) (payload []byte, code int, clean bool) {
	if errors.Is(err, websocket.ErrReadLimit) {
		err = &websocket.CloseError{Code: websocket.CloseMessageTooBig}
	}
	e, ok := errors.AsType[*websocket.CloseError](err)
	if !ok || e.Code == websocket.CloseAbnormalClosure {
		return nil, websocket.CloseAbnormalClosure, false
	}
	return websocket.FormatCloseMessage(e.Code, e.Text), e.Code, true
}
