package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

var (
	// errSilent: the upstream took the connection and never answered the handshake.
	errSilent = errors.New("no answer to the websocket handshake")
	// errMalformed: the upstream's answer to the handshake breaks RFC 6455 4.1.
	errMalformed = errors.New("the upstream's answer is no valid websocket handshake")
)

// dial makes the handshake with an upstream and returns the header of its
// answer. header must hold none of the fields that belong to the handshake
// itself but Sec-Websocket-Protocol. Errors are an *answeredError, errSilent,
// errMalformed, the context's, or the connection's.
func (h *Hub) dial(ctx context.Context, url string, header http.Header) (*websocket.Conn, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, h.options.HandshakeTimeout)
	defer cancel()
	var tape *tapedConn
	uncut := func() bool { return true }
	d := websocket.Dialer{
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := h.options.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			tape = &tapedConn{Conn: conn, recording: true}
			uncut = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
			return tape, nil
		},
		ReadBufferSize: readBufferSize, WriteBufferSize: writeBufferSize, WriteBufferPool: &h.buffers.write,
	}
	conn, resp, err := d.DialContext(ctx, url, header) //nolint:bodyclose // the dialer says that it need not be closed
	if tape == nil {
		return nil, nil, err
	}
	switch inTime := uncut(); {
	case !inTime:
		err = ctx.Err()
		if errors.Is(err, context.DeadlineExceeded) {
			err = errSilent
		}
	case errors.Is(err, websocket.ErrBadHandshake):
		return nil, nil, tape.replay(h.options.HandshakeTimeout)
	case resp != nil && len(resp.Header["Sec-Websocket-Extensions"]) > 0:
		err = fmt.Errorf("%w: it chose an extension that was not offered", errMalformed)
	case isTimeout(err):
		err = errSilent
	}
	if err != nil {
		tape.Conn.Close()
		return nil, nil, err
	}
	tape.stop()
	return conn, resp.Header, nil
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
