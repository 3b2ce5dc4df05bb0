package session

import (
	"errors"
	"fmt"
	"time"
)

// The errors that cross package borders. Adapters translate their vendor's
// errors into these and wrap them with the operation; callers ask with
// errors.Is and errors.AsType.
var (
	// ErrNotFound: no such session (or record) is stored.
	ErrNotFound = errors.New("not found")
	// ErrExpired: the session is over, by its TTL or because it was ended.
	ErrExpired = errors.New("session is over")
	// ErrConflict: the stored state does not meet the condition of a write;
	// somebody else was first. Read again and decide anew.
	ErrConflict = errors.New("conflict")
	// ErrCapacity: a bound (tasks, holds, wakes) is reached.
	ErrCapacity = errors.New("capacity is exhausted")
	// ErrStartTimeout: a task did not become ready before its start deadline.
	ErrStartTimeout = errors.New("start took too long")
	// ErrStartFailed: a task could not be started, or ended while it started.
	ErrStartFailed = errors.New("start failed")
	// ErrUnavailable: the store or the driver cannot be reached now; nothing is
	// known about what was asked.
	ErrUnavailable = errors.New("temporarily unavailable")
)

// InvalidError says which input is wrong and why. Field is the caller's name
// for it (a JSON member, a config path, a header).
type InvalidError struct {
	Field  string
	Reason string
}

// Error implements error.
func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

// RefusedError tells that a bound was reached, which one, and when trying again
// makes sense. It unwraps to [ErrCapacity].
type RefusedError struct {
	// What was refused, for people: "wake budget of this address is spent".
	What string
	// RetryAfter is how long to wait before the next try; zero if unknown.
	RetryAfter time.Duration
}

// Error implements error.
func (e *RefusedError) Error() string {
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s; try again in %s", e.What, e.RetryAfter.Round(time.Second))
	}
	return e.What
}

// Unwrap makes errors.Is(err, ErrCapacity) true.
func (e *RefusedError) Unwrap() error { return ErrCapacity }
