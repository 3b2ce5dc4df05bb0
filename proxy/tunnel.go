package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// tunnel is the response writer of a websocket handshake on a forward rule.
// httputil joins the two connections; it would lose what the client has sent
// right behind its handshake, and count nothing.
type tunnel struct {
	http.ResponseWriter
	received, sent atomic.Int64
	// touch, if not nil, is told of data, at most once a second.
	touch   func()
	touched atomic.Int64 // when, in nanoseconds since 1970
}

// openTunnel has what goes through the upgraded connection counted until done is
// called.
func (x *exchange) openTunnel(touch func()) (done func()) {
	t := &tunnel{ResponseWriter: x.w, touch: touch}
	x.w = t
	return func() { x.line.AddTraffic(t.received.Load(), t.sent.Load()) }
}

// carried notes that n bytes went through.
func (t *tunnel) carried(count *atomic.Int64, n int) {
	count.Add(int64(n))
	if n == 0 || t.touch == nil {
		return
	}
	last, now := t.touched.Load(), time.Now().UnixNano()
	if now-last >= int64(touchEvery) && t.touched.CompareAndSwap(last, now) {
		t.touch()
	}
}

// Unwrap serves http.ResponseController.
func (t *tunnel) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Hijack implements http.Hijacker.
func (t *tunnel) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early := make([]byte, rw.Reader.Buffered())
	if _, err := io.ReadFull(rw.Reader, early); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return &tunnelConn{Conn: conn, early: early, tunnel: t}, rw, nil
}

// tunnelConn is the client's connection. One reader and one writer at a time.
type tunnelConn struct {
	net.Conn
	early  []byte // what was read with the handshake
	tunnel *tunnel
}

// Read implements io.Reader.
func (c *tunnelConn) Read(p []byte) (n int, err error) {
	if len(c.early) > 0 {
		n = copy(p, c.early)
		c.early = c.early[n:]
	} else {
		n, err = c.Conn.Read(p)
	}
	c.tunnel.carried(&c.tunnel.received, n)
	return n, err
}

// Write implements io.Writer.
func (c *tunnelConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.tunnel.carried(&c.tunnel.sent, n)
	return n, err
}

// CloseWrite passes on that the upstream has nothing more to say.
func (c *tunnelConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

var errUnaskedSwitch = errors.New("the upstream switches to a protocol that was not asked for")

// checkSwitch refuses a 101 to anything but a websocket handshake.
func (x *exchange) checkSwitch(res *http.Response) error {
	if res.StatusCode == http.StatusSwitchingProtocols &&
		(x.class != classUpgrade || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket")) {
		return errUnaskedSwitch
	}
	return nil
}
