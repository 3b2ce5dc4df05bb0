package proxy

import (
	"net/http"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// allowedMethods are those that rules may see, as far as there is a list of them.
const allowedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// guard refuses what no rule may see. It returns the status and the cause of a refusal, or 0.
func guard(r *http.Request, escapedPath string) (status int, err error) {
	switch r.Method {
	case http.MethodTrace, http.MethodConnect:
		return http.StatusMethodNotAllowed, &session.InvalidError{Field: "method", Reason: r.Method + " is not served"}
	}
	if r.ProtoMajor >= 2 && !isHostHeader(r.Host) {
		return http.StatusBadRequest, &session.InvalidError{Field: "authority", Reason: "is no host"}
	}
	if r.RequestURI == "*" || len(escapedPath) == 0 || escapedPath[0] != '/' {
		return http.StatusBadRequest, &session.InvalidError{Field: "request target", Reason: "is not a path"}
	}
	if strings.IndexByte(r.RequestURI, '#') >= 0 {
		// net/url takes it for part of the path, others for its end (RFC 9112 3.2).
		return http.StatusBadRequest, &session.InvalidError{Field: "request target", Reason: "holds a #, which is written %23"}
	}
	if err := route.CheckPath(escapedPath); err != nil {
		return http.StatusBadRequest, &session.InvalidError{Field: "path", Reason: err.Error()}
	}
	return 0, nil
}

// isHostHeader reports whether host holds nothing but what a Host may (RFC 9110
// 7.2). net/http sees to that in HTTP/1 only.
func isHostHeader(host string) bool {
	return strings.IndexFunc(host, func(c rune) bool {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			return false
		}
		return !strings.ContainsRune("!$%&'()*+,-.:;=[]_~", c)
	}) < 0
}

// dropForeignUpgrade ignores the offer of any protocol but websocket, and one in a
// request that is no handshake (RFC 6455 4.1), as RFC 9110 7.8 allows: h2c would
// be a tunnel past every rule.
func dropForeignUpgrade(r *http.Request) {
	upgrade, ok := r.Header["Upgrade"]
	if !ok || len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") && r.Method == http.MethodGet && r.ContentLength == 0 {
		return
	}
	delete(r.Header, "Upgrade")
	delete(r.Header, "Http2-Settings")
}

// closesAfter reports whether the connection must not be used again: of a
// chunked request net/http does not tell whether it had a Content-Length too,
// and then the next bytes may not be a request (RFC 9112 6.1).
func closesAfter(r *http.Request) bool {
	return len(r.TransferEncoding) > 0 && r.ProtoMajor == 1
}
