package proxy

import (
	"net/http"
	"slices"
	"strconv"
)

// Entries of Via (RFC 9110 7.6.3) by the version that a request came in. They are
// shared: nobody writes to them.
var (
	via10 = []string{"1.0 warmgate"}
	via11 = []string{"1.1 warmgate"}
	via20 = []string{"2.0 warmgate"}
)

// addVia appends the entry for a request that came as in.
func addVia(out http.Header, in *http.Request) {
	entry := via11
	switch {
	case in.ProtoMajor >= 2:
		entry = via20
	case !in.ProtoAtLeast(1, 1):
		entry = via10
	}
	before := out["Via"]
	if len(before) == 0 {
		out["Via"] = entry
		return
	}
	out["Via"] = slices.Concat(before, entry)
}

// limitHops applies Max-Forwards (RFC 9110 7.6.2), which counts for OPTIONS and
// TRACE only; TRACE is never served. It reports whether it has answered.
func (x *exchange) limitHops() bool {
	if x.r.Method != http.MethodOptions {
		return false
	}
	left, err := strconv.ParseUint(field(x.r.Header, "Max-Forwards"), 10, 31)
	if err != nil {
		return false // none, or no number: nothing is said
	}
	if left > 0 {
		x.r.Header["Max-Forwards"] = []string{strconv.FormatUint(left-1, 10)}
		return false
	}
	x.w.Header().Set("Allow", allowedMethods)
	x.closeUnlessRead()
	x.w.WriteHeader(http.StatusNoContent)
	return true
}
