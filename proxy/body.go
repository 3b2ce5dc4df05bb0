package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webordinary/warmgate/session"
)

// requestBody is a request's body on its way to the upstream. It remembers why it
// could not be read to its end: that is the client's doing, not the upstream's.
// A Transport may read it after the attempt is over, so it is not pooled.
type requestBody struct {
	io.ReadCloser
	limit, read int64 // limit 0 is none
	pace        pace
	err         atomic.Pointer[error] // io.EOF at its end
}

// Read implements io.Reader. What it once ended with stays: a Transport that looks
// whether more comes must not learn that the server has closed the body meanwhile,
// because the answer has begun; it would break off the answer.
func (b *requestBody) Read(p []byte) (int, error) {
	if err := b.err.Load(); err != nil {
		return 0, *err
	}
	b.pace.begin()
	n, err := b.ReadCloser.Read(p)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		b.pace.end()
	}
	b.read += int64(n)
	if b.limit > 0 && b.read > b.limit {
		n, err = 0, &http.MaxBytesError{Limit: b.limit}
	}
	if err != nil {
		b.err.Store(&err)
	}
	return n, err
}

// ended reports whether the body was read to its end.
func (b *requestBody) ended() bool {
	err := b.err.Load()
	return err != nil && errors.Is(*err, io.EOF)
}

// mistake is what was wrong with the body, nil if nothing was, or b is.
func (b *requestBody) mistake() error {
	if b == nil {
		return nil
	}
	err := b.err.Load()
	if err == nil || errors.Is(*err, io.EOF) {
		return nil
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](*err); ok {
		return tooLarge
	}
	if errors.Is(*err, os.ErrDeadlineExceeded) {
		return errStalledBody
	}
	return &session.InvalidError{Field: "body", Reason: "cannot be read: " + (*err).Error()}
}

// errStalledBody: the client has not gone on with the body for too long.
var errStalledBody error = &session.InvalidError{Field: "body", Reason: "stopped coming before its end"}

// pace bounds the time that a client may let pass between two pieces of a body, by
// the deadline of the server's connection or stream. It leaves that alone once the
// request is over: the connection may serve another by then.
type pace struct {
	mu      sync.Mutex
	idle    time.Duration            // 0 is no bound
	control *http.ResponseController // nil: the request is over
}

func (p *pace) begin() {
	if p.idle > 0 {
		p.set(time.Now().Add(p.idle))
	}
}

func (p *pace) end() {
	if p.idle > 0 {
		p.set(time.Time{})
	}
}

func (p *pace) set(deadline time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.control != nil {
		_ = p.control.SetReadDeadline(deadline) // fails where reading fails, too
	}
}

// over ends the bound with its request. Of a body that was not read to its end
// net/http reads on, to be able to use the connection again: it is given as much
// time once more.
func (p *pace) over(ended bool) {
	if !ended {
		p.begin()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.control = nil
}

// beginLine starts the access line, with the request's body counted and watched.
// The body that net/http made stays in its own request: by its type the server
// knows whether the connection can be used again, and about Expect: 100-continue.
func (x *exchange) beginLine(w http.ResponseWriter, r *http.Request) {
	servers := r.Body
	x.line.Record, x.w = x.h.accessLog.Begin(w, r)
	x.r = r
	if r.Body == servers {
		return
	}
	x.body = &requestBody{ReadCloser: r.Body, pace: pace{idle: x.h.bodyIdle, control: http.NewResponseController(w)}}
	r.Body = servers
	x.r = r.WithContext(r.Context())
	x.r.Body = x.body
}

// limitBody refuses a body that is larger than the rule allows, at once if the
// client says so (RFC 9110 15.5.14), else when that much was read. It reports
// whether the request may go on.
func (x *exchange) limitBody() bool {
	limit := x.rule.Limits.BodyBytes
	if limit == 0 || x.body == nil {
		return true
	}
	x.body.limit = limit
	if x.r.ContentLength <= limit {
		return true
	}
	x.closeUnlessRead()
	x.fail(&http.MaxBytesError{Limit: limit})
	return false
}

// closeUnlessRead has the connection closed behind an answer that comes before
// the request's body was read to its end. Otherwise net/http would keep the answer
// back until it has read on, while the client may wait for it with the rest of the
// body (RFC 9112 9.3). What closesAfter says is said again: httputil clears the
// header behind an informational answer.
func (x *exchange) closeUnlessRead() {
	if closesAfter(x.r) || x.body != nil && !x.body.ended() && x.r.ProtoMajor == 1 {
		x.w.Header().Set("Connection", "close")
	}
}
