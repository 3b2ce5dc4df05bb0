package problem

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/webordinary/warmgate/session"
)

// How long to wait before the next try where the error does not say.
const (
	capacityRetry    = 5 * time.Second
	unavailableRetry = 3 * time.Second
)

// From returns what to answer for err, which must not be nil. What it does not
// know is a 500 whose cause is kept from the user: log err.
//
// The errors of session come before those of the standard library that they
// wrap: a store that timed out is unavailable, not a gateway timeout.
func From(err error) Problem {
	if p, ok := fromSession(err); ok {
		return p
	}
	if p, ok := fromTransport(err); ok {
		return p
	}
	p := New(http.StatusInternalServerError, "Something went wrong here. It is not about what you sent.")
	p.Title = "Something went wrong"
	return p
}

// FromUpstream is [From] for an error of a request that was forwarded: what is
// not known otherwise is the upstream's fault and a 502 (RFC 9110 15.6.3).
func FromUpstream(err error) Problem {
	p := From(err)
	if p.Status == http.StatusInternalServerError {
		return badGateway()
	}
	return p
}

func fromSession(err error) (Problem, bool) {
	if invalid, ok := errors.AsType[*session.InvalidError](err); ok {
		return Problem{
			Status: http.StatusBadRequest, Type: Invalid, Title: "That is not valid",
			Detail: invalid.Error() + ".",
		}, true
	}
	switch {
	case errors.Is(err, session.ErrNotFound), errors.Is(err, session.ErrExpired):
		return Problem{
			Status: http.StatusNotFound, Type: NotFound, Title: "There is nothing here now",
			Detail: "No such session, or it has ended.",
		}, true
	case errors.Is(err, session.ErrUnavailable):
		return Problem{
			Status: http.StatusServiceUnavailable, Type: Unavailable, Title: "Not available for the moment",
			Detail: "What is needed to answer cannot be reached just now.", RetryAfter: unavailableRetry,
		}, true
	case errors.Is(err, session.ErrCapacity):
		return capacity(err), true
	case errors.Is(err, session.ErrConflict):
		return Problem{
			Status: http.StatusConflict, Type: Conflict, Title: "Somebody else was first",
			Detail: sentence(err.Error()),
		}, true
	case errors.Is(err, session.ErrStartTimeout):
		return Problem{
			Status: http.StatusGatewayTimeout, Type: StartTimeout, Title: "The start took too long",
			Detail: sentence(err.Error()),
		}, true
	case errors.Is(err, session.ErrStartFailed):
		return Problem{
			Status: http.StatusBadGateway, Type: StartFailed, Title: "The start failed",
			Detail: sentence(err.Error()),
		}, true
	}
	return Problem{}, false
}

// capacity tells which bound was reached if the error was made to be shown.
func capacity(err error) Problem {
	p := Problem{
		Status: http.StatusServiceUnavailable, Type: Capacity, Title: "Too much at once",
		Detail: "A limit is reached.", RetryAfter: capacityRetry,
	}
	if refused, ok := errors.AsType[*session.RefusedError](err); ok {
		p.Detail = sentence(refused.What)
		if refused.RetryAfter > 0 {
			p.RetryAfter = refused.RetryAfter
		}
	}
	return p
}

// sentence writes s, the text of an error, as one.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:] + "."
}

// fromTransport knows the errors of net and net/http. Their texts name addresses
// and stay out of the answer.
func fromTransport(err error) (Problem, bool) {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return Problem{
			Status: http.StatusRequestEntityTooLarge, Type: TooLarge, Title: "That is too large",
			Detail: fmt.Sprintf("At most %d bytes are taken.", tooLarge.Limit),
		}, true
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Problem{Status: StatusClientGone, Type: ClientGone, Title: "The client has gone"}, true
	case isTimeout(err):
		return Problem{
			Status: http.StatusGatewayTimeout, Type: Timeout, Title: "The site took too long",
			Detail: "The site behind this address did not answer in time.",
		}, true
	case isDisconnect(err):
		return badGateway(), true
	}
	return Problem{}, false
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// isDisconnect reports whether a connection could not be made or broke.
func isDisconnect(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	for _, e := range []syscall.Errno{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func badGateway() Problem {
	return Problem{
		Status: http.StatusBadGateway, Type: BadGateway, Title: "The site does not answer",
		Detail: "The site behind this address could not be reached, or broke off.",
	}
}
