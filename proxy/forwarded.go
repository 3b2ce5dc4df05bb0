package proxy

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// trust is the set of proxies whose X-Forwarded-* fields are believed.
type trust []netip.Prefix

func (t trust) contains(a netip.Addr) bool {
	for _, p := range t {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// origin is where a request came from and how, with what trusted proxies say.
type origin struct {
	// peer is the connection's other end; client the right-most address that no
	// trusted proxy has; both unmapped. Zero if unknown.
	peer, client netip.Addr
	trusted      bool
	https        bool
	// port is the public port as a trusted proxy says; "" otherwise.
	port string
}

// originOf reads the origin of a request. Only a trusted peer's forwarded fields
// count, and of X-Forwarded-For only what trusted hops appended.
func (t trust) originOf(r *http.Request) origin {
	o := origin{https: r.TLS != nil}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		o.peer = ap.Addr().Unmap()
	}
	o.client = o.peer
	if o.trusted = t.contains(o.peer); !o.trusted {
		return o
	}
	if proto := r.Header.Get("X-Forwarded-Proto"); proto != "" {
		o.https = strings.EqualFold(proto, "https")
	}
	o.port = r.Header.Get("X-Forwarded-Port")
	o.client = t.client(o.peer, r.Header["X-Forwarded-For"])
	return o
}

// client walks X-Forwarded-For from the right past the trusted hops.
func (t trust) client(peer netip.Addr, values []string) netip.Addr {
	client := peer
	for _, rest := range slices.Backward(values) {
		for rest != "" && t.contains(client) {
			var last string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, last = rest[:comma], rest[comma+1:]
			} else {
				rest, last = "", rest
			}
			addr, ok := parseHop(strings.TrimSpace(last))
			if !ok {
				return client
			}
			client = addr
		}
	}
	return client
}

// parseHop reads an entry of X-Forwarded-For: an address, perhaps with a port.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap(), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), true
	}
	return netip.Addr{}, false
}

func (o *origin) scheme() string {
	if o.https {
		return "https"
	}
	return "http"
}

// setForwarded gives the outgoing header the X-Forwarded-* family, the request's
// id, and the prefix that the site is mounted at, if any. What the client sent of
// the family survives only from a trusted peer; spellings with "_" or "." never do,
// since some servers read them as "-". X-Forwarded-For is appended to.
func (o *origin) setForwarded(out http.Header, in *http.Request, requestID, prefix string) {
	var prior []string
	if o.trusted {
		prior = in.Header["X-Forwarded-For"]
	}
	for name := range out {
		if spoofable(name) {
			delete(out, name)
		}
	}
	chain := o.peerText(in.RemoteAddr)
	if len(prior) > 0 {
		chain = strings.Join(prior, ", ") + ", " + chain
	}
	port := o.port
	if port == "" {
		port = publicPort(in.Host, o.https)
	}
	// One backing array serves the single values.
	values := [6]string{chain, o.scheme(), in.Host, port, requestID, prefix}
	out["X-Forwarded-For"] = values[0:1:1]
	out["X-Forwarded-Proto"] = values[1:2:2]
	out["X-Forwarded-Host"] = values[2:3:3]
	out["X-Forwarded-Port"] = values[3:4:4]
	out["X-Request-Id"] = values[4:5:5]
	if prefix != "" {
		out["X-Forwarded-Prefix"] = values[5:6:6]
	}
}

// peerText is the peer's address as text, of the connection's address where that
// has it already.
func (o *origin) peerText(remoteAddr string) string {
	if i := strings.LastIndexByte(remoteAddr, ':'); i > 0 && o.peer.Is4() && remoteAddr[0] != '[' {
		return remoteAddr[:i]
	}
	return o.peer.String()
}

// spoofable reports whether a header field claims to come from a proxy.
func spoofable(name string) bool {
	switch {
	case name == "Forwarded", name == "X-Real-Ip":
		return true
	case len(name) < len("X-Real-Ip") || name[0] != 'X' && name[0] != 'x':
		return false
	}
	if strings.HasPrefix(name, "X-Forwarded-") {
		return true
	}
	if !strings.ContainsAny(name, "_.") {
		return false
	}
	plain := strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return '-'
		}
		return r
	}, strings.ToLower(name))
	return strings.HasPrefix(plain, "x-forwarded-") || plain == "x-real-ip"
}

// publicPort is the port of the Host header, or the scheme's own.
func publicPort(host string, https bool) string {
	i := strings.LastIndexByte(host, ':')
	switch {
	case i >= 0 && i < len(host)-1 && host[len(host)-1] != ']':
		return host[i+1:]
	case https:
		return "443"
	}
	return "80"
}
