package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"syscall"
	"time"

	"github.com/webordinary/warmgate/proxy/prefix"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// exchange is one request and its answer. It is pooled: nothing keeps it once
// ServeHTTP has returned.
type exchange struct {
	h    *Handler
	w    http.ResponseWriter
	line line
	r    *http.Request
	body *requestBody // of r, nil if it has none
	// settings hold for the whole request, also when others take their place.
	settings *Settings
	routing  *routing
	facts    route.Request
	origin   origin
	class    class
	rule     *route.Rule
	counts   *ruleCounters
	editor   *answerEditor // nil unless the rule edits answers
	// path and host are what the rule's rewrites made of the request; see rewriteTarget.
	// asked is the path before them, where no session is asked for.
	path, host, asked string
	// reverse forwards, by the rule's Transport.
	reverse httputil.ReverseProxy
	// lastRewriter belongs to lastMount: the next request is often for the same session.
	lastMount    string
	lastRewriter *prefix.Rewriter

	// Of a session request:
	action   *route.Session
	identity route.Identity
	live     *session.Live
	// pool is not nil if live is a pool's own record, not a session.
	pool     *poolTarget
	rewriter *prefix.Rewriter

	// detached: the access line is written when the socket is closed.
	detached bool
	// answered is not set if the copy of a body has broken off, which panics.
	answered bool

	// Of the attempt to forward under way:
	attempt attempt
	err     error
}

// attempt is where and how a request is forwarded.
type attempt struct {
	// scheme is http or https, addr host:port or a host alone, path the escaped path
	// to ask for, host the Host; empty means the client's.
	scheme, addr, path, host string
	began                    time.Time
}

func newExchange(h *Handler) *exchange {
	x := &exchange{h: h}
	x.reverse = httputil.ReverseProxy{
		Rewrite:        x.rewrite,
		ModifyResponse: x.modifyResponse,
		ErrorHandler:   func(_ http.ResponseWriter, _ *http.Request, err error) { x.err = err },
		BufferPool:     &h.buffers,
		ErrorLog:       h.errorLog,
	}
	return x
}

// begin makes x ready for a request.
func (x *exchange) begin(w http.ResponseWriter, r *http.Request) {
	x.beginLine(w, r)
	x.settings = x.h.settings.Load()
	if _, expects := r.Header["Expect"]; expects || !r.ProtoAtLeast(1, 1) {
		x.w = finalOnly{x.w}
	}
	x.origin = trust(x.settings.TrustedProxies).originOf(r)
	x.facts = route.FromHTTP(r, x.origin.client)
	dropForeignUpgrade(r)
	x.class = classify(r)
	x.line.RequestID = x.h.requestIDs.next()
	x.line.TraceID = continueTrace(r.Header["X-Amzn-Trace-Id"], x.line.Start)
	if x.origin.trusted {
		x.line.Client, x.line.Scheme = x.origin.client.String(), x.origin.scheme()
	}
}

// finish writes the access line and gives x back, also when a copy to a client
// that has gone panics with http.ErrAbortHandler.
func (x *exchange) finish() {
	if x.body != nil {
		x.body.pace.over(x.body.ended())
	}
	if !x.answered {
		x.line.Abort()
	}
	if !x.detached {
		x.counts.count(x.line.Status())
	}
	x.h.accessLog.End(x.line.Record)
	*x = exchange{h: x.h, reverse: x.reverse, lastMount: x.lastMount, lastRewriter: x.lastRewriter}
	x.h.exchanges.Put(x)
}

// finalOnly keeps informational answers from clients that do not know them
// (HTTP/1.0, RFC 9110 15.2), and from those that wait for 100 Continue: net/http
// sends that itself, when the Transport reads the body, once the upstream agrees.
type finalOnly struct{ http.ResponseWriter }

func (w finalOnly) WriteHeader(status int) {
	if status >= 200 {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Unwrap serves http.ResponseController.
func (w finalOnly) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// forward makes one attempt at the upstream. It returns nil if an answer's
// header has reached the client, whatever became of the body, else why not.
func (x *exchange) forward(a attempt) error {
	a.began = time.Now()
	if x.attempt.began.IsZero() && x.line.Cold.Answer == "" {
		x.h.metrics.routing.Observe(a.began.Sub(x.line.Start).Seconds())
	}
	x.attempt, x.err = a, nil
	x.reverse.ServeHTTP(x.w, x.r)
	return x.err
}

// rewrite makes the outgoing request. httputil has dropped hop-by-hop fields and
// the client's X-Forwarded-* by now.
func (x *exchange) rewrite(pr *httputil.ProxyRequest) {
	out, in := pr.Out, pr.In
	out.URL.Scheme, out.URL.Host = x.attempt.scheme, x.attempt.addr
	setEscapedPath(out.URL, x.attempt.path)
	out.URL.RawQuery = in.URL.RawQuery // httputil drops pairs it cannot parse
	out.Trailer = in.Trailer           // filled once the body is read
	if x.live != nil {
		x.rewriteSessionRequest(out.Header)
	}
	out.Host = x.outgoing(out.Header)
}

// setEscapedPath makes u.EscapedPath() return exactly the given bytes, which
// came out of EscapedPath themselves.
func setEscapedPath(u *url.URL, escaped string) {
	if escaped == u.Path && u.RawPath == "" {
		return
	}
	path, err := url.PathUnescape(escaped)
	if err != nil {
		path = escaped
	}
	// Without RawPath net/url would encode more than there is, such as "!".
	u.Path, u.RawPath = path, escaped
}

// modifyResponse sees the upstream's answer before the client does.
func (x *exchange) modifyResponse(res *http.Response) error {
	if err := x.checkSwitch(res); err != nil {
		return err
	}
	x.line.UpstreamStatus = res.StatusCode
	x.line.UpstreamDuration = time.Since(x.attempt.began)
	x.closeUnlessRead()
	if strict := x.settings.HTTPS.StrictTransport; x.origin.https && strict != "" {
		// Ours in place of the upstream's: httputil adds the answer's fields to those that are set.
		res.Header["Strict-Transport-Security"] = []string{strict}
		delete(x.w.Header(), "Strict-Transport-Security")
	}
	if x.attempt.host != "" {
		x.moveLocation(res.Header)
	}
	if _, typed := res.Header["Content-Type"]; !typed {
		x.w.Header()["Content-Type"] = nil // net/http would guess one
	}
	x.editUpstreamAnswer(res.Header)
	if x.live != nil {
		x.touch(res)
		x.rewriteSessionResponse(res)
	}
	if x.rule.Compress {
		x.h.compressor.Response(x.r, res)
	}
	return nil
}

// failure is what became of an attempt that got no answer.
type failure int

const (
	// failureClientGone: the client went away; nobody waits for an answer.
	failureClientGone failure = iota
	// failureRequest: the request's body is malformed.
	failureRequest
	// failureUnreached: the upstream has not seen the request; it can be sent again.
	failureUnreached
	// failureBroken: the connection broke before an answer.
	failureBroken
	// failureTimeout: the upstream did not answer in time.
	failureTimeout
	// failureOther: the request could not be sent for a reason of its own.
	failureOther
)

// failureOf tells what an error of the Transport means.
func (x *exchange) failureOf(err error) failure {
	var timeout interface{ Timeout() bool }
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(x.body.mistake(), errStalledBody): // net/http takes it for a client that has gone
		return failureRequest
	case x.r.Context().Err() != nil:
		return failureClientGone
	case x.body.mistake() != nil:
		return failureRequest
	case isOp && op.Op == "dial":
		return failureUnreached
	case errors.As(err, &timeout) && timeout.Timeout():
		return failureTimeout
	case isOp && (op.Op == "read" || op.Op == "write"),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return failureBroken
	}
	return failureOther
}
