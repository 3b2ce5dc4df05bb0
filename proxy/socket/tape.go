package socket

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// answeredError: the upstream answered the handshake with something else than a
// websocket. The response is whole; its body is read, and then closed, by
// whoever gets the error.
type answeredError struct {
	response *http.Response
	conn     net.Conn
}

// Error implements error.
func (e *answeredError) Error() string {
	return "the upstream answered the websocket handshake with " + e.response.Status
}

func asAnswered(err error) (*answeredError, bool) { return errors.AsType[*answeredError](err) }

func (e *answeredError) close() {
	e.response.Body.Close()
	e.conn.Close()
}

// tapedConn keeps what is read during a handshake, and stays open when the
// dialer closes it: the dialer shows only the begin of a refusal's body. After
// stop it is an ordinary connection.
type tapedConn struct {
	net.Conn
	recording bool
	tape      []byte
}

// Read implements [io.Reader].
func (c *tapedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.recording {
		c.tape = append(c.tape, p[:n]...)
	}
	return n, err
}

// Close implements [io.Closer].
func (c *tapedConn) Close() error {
	if c.recording {
		return nil
	}
	return c.Conn.Close()
}

func (c *tapedConn) stop() { c.recording, c.tape = false, nil }

// replay reads the upstream's answer from its begin; its body has to come
// within the timeout.
func (c *tapedConn) replay(timeout time.Duration) error {
	_ = c.SetDeadline(time.Now().Add(timeout))
	all := io.MultiReader(bytes.NewReader(c.tape), c.Conn)
	resp, err := http.ReadResponse(bufio.NewReader(all), nil) //nolint:bodyclose // answeredError.close does it
	if err != nil || resp.StatusCode < http.StatusOK {
		c.Conn.Close()
		return errMalformed
	}
	return &answeredError{response: resp, conn: c.Conn}
}
