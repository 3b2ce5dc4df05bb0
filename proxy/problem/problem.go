package problem

import (
	"net/http"
	"time"
)

// StatusClientGone is logged for a request whose client left before it was
// answered. It is never seen by a client.
const StatusClientGone = 499

// Type names a kind of problem: a URI that stays the same, for programs (RFC
// 9457 3.1.1). It is a name only; there is nothing to fetch.
type Type string

// The types of problems. What has no name of its own here has the zero Type,
// which is written as "about:blank": the status says all.
const (
	NotFound     Type = "urn:problem-type:warmgate:not-found"
	Invalid      Type = "urn:problem-type:warmgate:invalid"
	Conflict     Type = "urn:problem-type:warmgate:conflict"
	TooLarge     Type = "urn:problem-type:warmgate:too-large"
	Capacity     Type = "urn:problem-type:warmgate:capacity"
	Unavailable  Type = "urn:problem-type:warmgate:unavailable"
	StartFailed  Type = "urn:problem-type:warmgate:start-failed"
	StartTimeout Type = "urn:problem-type:warmgate:start-timeout"
	BadGateway   Type = "urn:problem-type:warmgate:bad-gateway"
	Timeout      Type = "urn:problem-type:warmgate:timeout"
	ClientGone   Type = "urn:problem-type:warmgate:client-gone"
)

// Problem is an answer that tells what went wrong. Everything in it may be shown
// to whoever asked. The caller may change it before it is written.
type Problem struct {
	Status int
	// Title is the same for all problems of a Type; Detail is about this one.
	Title  string
	Detail string
	Type   Type
	// RetryAfter is when trying again makes sense; zero if unknown.
	RetryAfter time.Duration
	// RequestID lets the operator find the request's log line; may be empty.
	RequestID string
}

// New returns a problem that has no error behind it: the title is the status's
// own, the type "about:blank".
func New(status int, detail string) Problem {
	return Problem{Status: status, Title: http.StatusText(status), Detail: detail}
}

// Gone reports whether there is nobody left to answer.
func (p Problem) Gone() bool { return p.Status == StatusClientGone }
