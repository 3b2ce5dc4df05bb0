package accesslog

import (
	"crypto/tls"
	"net/http"
	"sync/atomic"
	"time"
)

// Record is what is logged about one request. Begin fills in what the request
// says; handlers may set any exported field until they return, from one
// goroutine at a time. Nothing may keep a Record, or its response writer, after
// that: both are used again. Empty fields are not written.
type Record struct {
	Start     time.Time
	RequestID string
	TraceID   string // X-Amzn-Trace-Id
	Method    string
	Scheme    string // "http" or "https", as the client reached us
	Host      string
	Path      string // escaped
	Query     string // raw; redacted in the line
	Proto     string
	Client    string // address and port of the client
	UserAgent string

	SessionID string
	ClientID  string
	Rule      string // the rule's name or priority
	Priority  int    // of the rule; 0: the default rule, -1: none was found
	Action    string // "session", "forward", "redirect", ...

	Target           string // address and port of the upstream
	UpstreamStatus   int
	UpstreamDuration time.Duration // from sending the request to the response header

	Cold   Cold
	Reason string // why the request failed

	// Skip leaves the line out.
	Skip bool

	tls      *tls.ConnectionState
	response response
	status   int // takes the place of the response's, if not 0
	body     *countingBody
	bytesIn  atomic.Int64
	line     []byte // the encoded line
	url      []byte // path and query, redacted
}

// Cold says how a request met a session without a ready target.
type Cold struct {
	Class  string        // of the request: "navigation", "subresource", ...
	Answer string        // "page", "hold", ...
	Waited time.Duration // time in a hold
}

// SetStatus logs another status than the one that was sent, for example 499 when
// the client went away and nothing could be sent.
func (r *Record) SetStatus(code int) { r.status = code }

// Status is the status that will be logged, 0 as long as there is none.
func (r *Record) Status() int {
	if r.status != 0 {
		return r.status
	}
	return r.response.status
}

// AddTraffic counts bytes that did not go through the request's body and the
// response writer: those of a hijacked connection. It may be called
// concurrently until the handler returns.
func (r *Record) AddTraffic(in, out int64) {
	r.bytesIn.Add(in)
	r.response.bytes.Add(out)
}

// BytesIn is the number of bytes of the request's body that were read, and of a
// hijacked connection's traffic that was added.
func (r *Record) BytesIn() int64 {
	n := r.bytesIn.Load()
	if r.body != nil {
		n += r.body.n.Load()
	}
	return n
}

// BytesOut is the same for the response's body. The answer to a HEAD request has
// none, although handlers may write one.
func (r *Record) BytesOut() int64 {
	if r.Method == http.MethodHead {
		return 0
	}
	return r.response.bytes.Load()
}

// Abort notes that the answer broke off: the server cuts the connection.
func (r *Record) Abort() {
	if r.Reason == "" {
		r.Reason = "aborted"
	}
	if r.Status() == 0 {
		r.status = http.StatusInternalServerError
	}
}
