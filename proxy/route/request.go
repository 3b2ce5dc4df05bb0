package route

import (
	"net/http"
	"net/netip"
	"strings"
)

// Request holds the facts that rules look at. Nothing of it is changed or kept.
type Request struct {
	Method string
	Host   string      // as the client sent it; a port is not compared
	Path   string      // escaped, never decoded; what goes upstream
	Query  string      // raw, without "?"
	Header http.Header // Host is not in it
	Peer   netip.Addr  // the client; see FromHTTP
}

// FromHTTP takes the facts from r without copying them. The path is
// r.URL.EscapedPath(), the bytes that an http.Transport sends. Peer is the
// address of the connection, or one that a trusted proxy vouches for: an ALB
// never believes X-Forwarded-For here, so whoever passes another address has
// to know why.
func FromHTTP(r *http.Request, peer netip.Addr) Request {
	return Request{
		Method: r.Method,
		Host:   r.Host,
		Path:   r.URL.EscapedPath(),
		Query:  r.URL.RawQuery,
		Header: r.Header,
		Peer:   peer.Unmap(),
	}
}

// splitHost cuts the port off a Host header's value. An IPv6 address keeps its
// brackets.
func splitHost(hostport string) (host, port string) {
	i := strings.LastIndexByte(hostport, ':')
	if i < 0 || strings.HasSuffix(hostport, "]") {
		return hostport, ""
	}
	return hostport[:i], hostport[i+1:]
}
