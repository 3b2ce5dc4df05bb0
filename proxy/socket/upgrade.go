package socket

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

// errNotTaken: the connection cannot be taken over; it is still the server's.
var errNotTaken = errors.New("the connection cannot be taken over")

// upgrade answers the browser's handshake with 101. header may hold the
// subprotocol and fields of the upstream's answer. After any error but
// errNotTaken the connection is closed.
func (h *Hub) upgrade(w http.ResponseWriter, r *http.Request, header http.Header) (*websocket.Conn, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotTaken, err)
	}
	early := make([]byte, rw.Reader.Buffered())
	if _, err := io.ReadFull(rw, early); err != nil {
		conn.Close()
		return nil, err
	}
	if len(early) > 0 {
		conn = &earlyConn{Conn: conn, early: early}
	}
	u := websocket.Upgrader{
		ReadBufferSize: readBufferSize, WriteBufferSize: writeBufferSize, WriteBufferPool: &h.buffers.write,
		HandshakeTimeout: h.options.WriteTimeout,
		CheckOrigin:      func(*http.Request) bool { return true },
		Error:            func(http.ResponseWriter, *http.Request, int, error) {},
	}
	client, err := u.Upgrade(&hijacked{conn: conn, writer: rw.Writer}, r, header)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return client, nil
}

// upgradeFailed says what became of a request whose upgrade failed.
func (h *Hub) upgradeFailed(w http.ResponseWriter, r *http.Request, err error) Outcome {
	if errors.Is(err, errNotTaken) {
		return h.refuse(w, r, &refusal{reason: "internal", status: http.StatusInternalServerError, err: err})
	}
	return Outcome{Kind: KindOf(r), Status: statusClientGone, Err: err}
}

// hijacked is a response whose connection was taken over.
type hijacked struct {
	http.ResponseWriter
	conn   net.Conn
	writer *bufio.Writer
}

// Hijack implements [http.Hijacker]. What the server had read ahead is in conn.
func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(bytes.NewReader(nil)), h.writer), nil
}

// earlyConn gives what the client sent right behind its handshake, then what the
// connection gives. One reader at a time.
type earlyConn struct {
	net.Conn
	early []byte
}

// Read implements [io.Reader].
func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	if len(c.early) == 0 {
		c.early = nil
	}
	return n, nil
}
