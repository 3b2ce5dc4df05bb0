package socket

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gorilla/websocket"
)

var (
	// errAbandoned: the socket has no use for its upstream any more.
	errAbandoned = errors.New("the socket is done with its upstream")
	// errTruncated: the upstream broke in the middle of a message that the client
	// has the begin of.
	errTruncated = errors.New("the upstream broke in the middle of a message")
)

// readClient passes the client's messages on, or swallows them while there is no
// upstream, until the client's leg ends; the socket ends with it.
func (s *socket) readClient() {
	defer s.finish()
	for {
		s.heard(s.client)
		messageType, r, err := s.client.NextReader()
		if err != nil {
			s.clientClosed(err)
			return
		}
		up := s.upstream()
		if up == nil {
			continue
		}
		if _, writeErr := s.relay(toUpstream, up, s.client, messageType, r); writeErr != nil {
			up.Close()
		}
	}
}

// runUpstream passes the upstream's messages on until its leg ends. up is nil if
// the task could not be reached.
func (s *socket) runUpstream(up *websocket.Conn, task string) {
	defer close(s.upstreamDone)
	if up == nil {
		s.awaitRestart(task)
		return
	}
	for {
		s.heard(up)
		messageType, r, err := up.NextReader()
		if err == nil {
			err = s.passToClient(up, messageType, r)
		}
		if err != nil {
			s.upstreamClosed(err)
			return
		}
	}
}

// passToClient passes one message to the client.
func (s *socket) passToClient(up *websocket.Conn, messageType int, r io.Reader) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	if s.upstream() != up {
		return errAbandoned
	}
	readErr, writeErr := s.relay(toClient, s.client, up, messageType, r)
	switch {
	case writeErr != nil:
		s.beginClosing(websocket.CloseAbnormalClosure)
		s.client.Close()
		return errAbandoned
	case readErr != nil:
		return fmt.Errorf("%w: %w", errTruncated, readErr)
	}
	return nil
}

// relay passes one message from src to dst as it comes, and reports which side
// failed, if one did.
func (s *socket) relay(d direction, dst, src *websocket.Conn, messageType int, r io.Reader) (readErr, writeErr error) {
	w, err := dst.NextWriter(messageType)
	if err != nil {
		return nil, err
	}
	buf := s.hub.buffers.borrow()
	defer s.hub.buffers.giveBack(buf)
	n, err := r.Read(*buf)
	activity := activityOf(s.kind, d, (*buf)[:n])
	for {
		s.touch(activity)
		s.count(d, n)
		_ = dst.SetWriteDeadline(time.Now().Add(s.hub.options.WriteTimeout))
		if _, err := w.Write((*buf)[:n]); err != nil {
			return nil, err
		}
		if errors.Is(err, io.EOF) {
			s.hub.metrics.messages[d].Inc()
			return nil, w.Close()
		}
		if err != nil {
			return err, nil
		}
		s.heard(src)
		n, err = r.Read(*buf)
	}
}

func (s *socket) count(d direction, n int) {
	s.hub.metrics.bytes[d].Add(float64(n))
	if d == toUpstream {
		s.received.Add(int64(n))
	} else {
		s.sent.Add(int64(n))
	}
}
