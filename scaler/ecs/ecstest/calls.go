package ecstest

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Call is one call as it came over the wire; each attempt of a client is one.
type Call struct {
	Operation string
	At        time.Time
	Input     []byte
	// Error is the code of its error, empty if it went well.
	Error string
}

// Calls returns the calls so far, in order.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Count returns the number of calls of the operation so far.
func (f *Fake) Count(operation string) int { return f.Counts()[operation] }

// Counts returns the number of calls so far by operation.
func (f *Fake) Counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := make(map[string]int)
	for _, c := range f.calls {
		counts[c.Operation]++
	}
	return counts
}

// Error is an error as a client gets it.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is its type, as "ClusterNotFoundException".
	Code    string
	Message string
	// ResourceIDs are told by a ConflictException.
	ResourceIDs []string
}

// fault has calls fail: the next left ones, or all while it is negative.
type fault struct {
	left int
	err  Error
}

// Throttle has the next n calls of the operation refused for their rate; a
// negative n means all, until n is 0.
func (f *Fake) Throttle(operation string, n int) {
	f.Fail(operation, n, Error{Status: http.StatusBadRequest, Code: "ThrottlingException", Message: "Rate exceeded"})
}

// Fail has the next n calls of the operation ("" for any) fail; a negative n
// means all, until n is 0.
func (f *Fake) Fail(operation string, n int, err Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[operation] = &fault{left: n, err: err}
}

// fault returns the error that the call is to have. f.mu is held.
func (f *Fake) fault(operation string) *Error {
	if f.closed {
		return &Error{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "closed"}
	}
	for _, name := range []string{operation, ""} {
		if ft := f.faults[name]; ft != nil && ft.left != 0 {
			ft.left--
			return &ft.err
		}
	}
	if operation == "RunTask" && f.launches != nil && !f.launches.AllowN(time.Now(), 1) {
		return &Error{Status: http.StatusBadRequest, Code: "ThrottlingException", Message: "Rate exceeded"}
	}
	return nil
}

// writeError writes the error in the form that the options ask for.
func (f *Fake) writeError(w http.ResponseWriter, e *Error) {
	body := map[string]any{"__type": e.Code, "message": e.Message}
	if f.opts.NewErrors {
		w.Header().Set("X-Amzn-ErrorType", e.Code+":http://internal.amazon.com/coral/com.amazonaws.ecs/")
		body["__type"] = "com.amazonaws.ecs#" + e.Code
	}
	if e.ResourceIDs != nil {
		body["resourceIds"] = e.ResourceIDs
	}
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(body) // the client may have left
}

func invalidParameter(message string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "InvalidParameterException", Message: message}
}
