package proxy

import (
	"errors"
	"net/http"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// rewriteTarget applies the rule's rewrites: path becomes x.path, the path to go
// on with, and x.host the Host to ask for, "" if no rewrite says one. False means
// that there is no such path or host, and that the request is answered.
func (x *exchange) rewriteTarget(path string) bool {
	var pathErr, hostErr error
	x.path, pathErr = x.rule.RewritePath(path)
	x.host, hostErr = x.rule.RewriteHost(x.r.Host)
	switch err := errors.Join(pathErr, hostErr); {
	case err == nil:
		return true
	case errors.Is(err, route.ErrPathDotSegment):
		x.refuse(http.StatusBadRequest, &session.InvalidError{Field: "path", Reason: err.Error()})
	default:
		x.fail(err)
	}
	return false
}

// rewriteRequest has the request's facts say what the rewrites made of it. The
// request itself stays what the client sent: pages and redirects lead there.
func (x *exchange) rewriteRequest() bool {
	x.asked = x.facts.Path
	if !x.rewriteTarget(x.asked) {
		return false
	}
	x.facts.Path = x.path
	if x.host != "" {
		x.facts.Host = x.host
	}
	return true
}

// askedHost is the Host that the upstream at addr is asked for, "" for the
// client's, which keep chooses where no rewrite has its say.
func (x *exchange) askedHost(addr string, keep bool) string {
	switch {
	case x.host != "":
		return x.host
	case keep:
		return ""
	}
	return addr
}
