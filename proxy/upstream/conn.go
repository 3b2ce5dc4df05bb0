package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"time"
)

// conn is a connection that serves one request at a time.
type conn struct {
	transport *Transport
	addr      string
	net       net.Conn
	reader    *bufio.Reader
	writer    *bufio.Writer
	idleSince time.Time

	// Of the request under way:
	ctx      context.Context
	stop     func() bool // ends the watch on ctx
	answered bool        // a byte of the answer has come
	allowed  int64       // bytes that may still be read
}

func newConn(t *Transport, addr string, nc net.Conn) *conn {
	c := &conn{transport: t, addr: addr, net: nc}
	c.reader = bufio.NewReader(c)
	c.writer = bufio.NewWriter(nc)
	return c
}

// errHeaderTimeout: the upstream did not answer in time. It is a timeout as net.Error
// knows them.
var errHeaderTimeout error = &timeoutError{"timeout awaiting the answer's header"}

type timeoutError struct{ text string }

func (e *timeoutError) Error() string   { return e.text }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

var errHeaderTooLong = errors.New("the answer's header is too long")

// Read reads for the buffer; the header of an answer is bounded.
func (c *conn) Read(p []byte) (int, error) {
	if c.allowed <= 0 {
		return 0, errHeaderTooLong
	}
	if int64(len(p)) > c.allowed {
		p = p[:c.allowed]
	}
	n, err := c.net.Read(p)
	c.allowed -= int64(n)
	c.answered = c.answered || n > 0
	return n, err
}

// roundTrip sends req and reads the answer's header. The answer's body gives the
// connection back. After an error the caller discards the connection.
func (c *conn) roundTrip(req *http.Request) (*http.Response, error) {
	c.ctx, c.answered, c.allowed = req.Context(), false, int64(c.transport.options.MaxHeaderBytes)
	c.stop = context.AfterFunc(c.ctx, c.interrupt)
	if err := c.net.SetDeadline(time.Now().Add(c.transport.options.ResponseTimeout)); err != nil {
		return nil, c.reason(err)
	}
	if err := req.Write(c.writer); err != nil {
		return nil, c.reason(err)
	}
	if err := c.writer.Flush(); err != nil {
		return nil, c.reason(err)
	}
	res, err := c.readFinal(req)
	if err != nil {
		return nil, c.reason(err)
	}
	_ = c.net.SetDeadline(time.Time{}) // fails where reading on fails, too
	if c.ctx.Err() != nil {
		return nil, c.ctx.Err() // its interruption may have been undone just now
	}
	c.allowed = math.MaxInt64
	if res.Body == http.NoBody {
		c.release(!res.Close)
		return res, nil
	}
	res.Body = &body{ReadCloser: res.Body, conn: c, keep: !res.Close}
	return res, nil
}

// maxInformational bounds the 1xx answers before the final one.
const maxInformational = 5

// readFinal reads answers until one is final; informational ones are reported to
// the request's trace.
func (c *conn) readFinal(req *http.Request) (*http.Response, error) {
	for range maxInformational + 1 {
		res, err := http.ReadResponse(c.reader, req)
		if err != nil {
			return nil, err
		}
		switch {
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the upstream switches protocols without being asked")
		case res.StatusCode >= http.StatusOK:
			return res, nil
		}
		c.allowed = int64(c.transport.options.MaxHeaderBytes)
		if trace := httptrace.ContextClientTrace(c.ctx); trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(res.StatusCode, textproto.MIMEHeader(res.Header)); err != nil {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("more than %d informational answers", maxInformational)
}

// interrupt ends what the connection waits for, when its request's context ends.
func (c *conn) interrupt() { _ = c.net.SetDeadline(time.Unix(1, 0)) }

// reason is what an error of the connection means for the request.
func (c *conn) reason(err error) error {
	if ctxErr := c.ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errHeaderTimeout
	}
	return err
}

// wasStale reports whether the other side had closed the connection before it saw
// the request that ended with err.
func (c *conn) wasStale(err error) bool {
	return !c.answered && c.ctx.Err() == nil && !errors.Is(err, errHeaderTimeout)
}

// discard closes the connection.
func (c *conn) discard() {
	if c.stop != nil {
		c.stop()
	}
	_ = c.net.Close()
}

// release ends the request: the connection is kept if that was agreed on, nothing
// is left in it, and the context's end has not touched it.
func (c *conn) release(keep bool) {
	untouched := c.stop()
	c.ctx, c.stop = nil, nil
	if !keep || !untouched || c.reader.Buffered() > 0 {
		_ = c.net.Close()
		return
	}
	c.transport.put(c)
}

// body is an answer's body. At its end the connection is free.
type body struct {
	io.ReadCloser
	conn *conn
	keep bool
	end  error // what Read says once the body has ended
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.end = err
		b.conn.release(b.keep)
	case err != nil:
		err = b.conn.reason(err)
		b.end = err
		b.conn.discard()
	}
	return n, err
}

// Close gives up what was not read, and the connection with it.
func (b *body) Close() error {
	if b.end == nil {
		b.end = http.ErrBodyReadAfterClose
		b.conn.discard()
	}
	return nil
}
