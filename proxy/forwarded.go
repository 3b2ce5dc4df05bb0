package proxy

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/session"
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

// ForwardedMode says what becomes of X-Forwarded-For, as an ALB's attribute
// routing.http.xff_header_processing.mode does.
type ForwardedMode string

// The modes.
const (
	// ForwardedAppend appends the peer's address. The zero value means the same.
	ForwardedAppend ForwardedMode = "append"
	// ForwardedPreserve passes on what a trusted proxy sent.
	ForwardedPreserve ForwardedMode = "preserve"
	// ForwardedRemove sends none.
	ForwardedRemove ForwardedMode = "remove"
)

// Forwarded says what upstreams are told of the client's address.
type Forwarded struct {
	Mode ForwardedMode
	// ClientPort appends the peer's port, too, as an ALB's attribute
	// routing.http.xff_client_port.enabled does.
	ClientPort bool
	// MaxAddresses bounds the entries of X-Forwarded-For that a request may have;
	// more are answered with 463. Zero means 30, as an ALB's.
	MaxAddresses int
}

func (f Forwarded) withDefaults() Forwarded {
	setDefault(&f.Mode, ForwardedAppend)
	setDefault(&f.MaxAddresses, 30)
	return f
}

// statusLongChain is what an ALB answers to too many addresses in X-Forwarded-For.
const statusLongChain = 463

var errLongChain = &session.InvalidError{Field: "X-Forwarded-For", Reason: "has too many addresses"}

// admits reports whether the request has come through no more proxies than may be.
func (f *Forwarded) admits(r *http.Request) bool {
	n := 0
	for _, v := range r.Header["X-Forwarded-For"] {
		n += strings.Count(v, ",") + 1
	}
	return n <= f.MaxAddresses
}

// refuseLongChain answers a request that has come through too many. It reports
// whether it has answered.
func (x *exchange) refuseLongChain() bool {
	if x.settings.Forwarded.admits(x.r) {
		return false
	}
	err := errLongChain
	p := problem.From(err)
	p.Status = statusLongChain
	x.closeUnlessRead()
	x.problem(p, err)
	return true
}

// ours is what a request is given beside what is known of its origin.
type ours struct {
	// id and trace are the request's ids; prefix is where the site is mounted, if
	// anywhere.
	id, trace, prefix string
}

// setForwarded gives the outgoing header the X-Forwarded-* family and what is ours.
// What the client sent of the family survives only from a trusted peer; spellings
// with "_" or "." never do, since some servers read them as "-".
func (o *origin) setForwarded(out http.Header, in *http.Request, f *Forwarded, own ours) {
	for name := range out {
		if spoofable(name) || !o.trusted && isAmazons(name) {
			delete(out, name)
		}
	}
	port := o.port
	if port == "" {
		port = publicPort(in.Host, o.https)
	}
	// One backing array serves the single values.
	values := [7]string{o.chain(in, f), o.scheme(), in.Host, port, own.id, own.prefix, own.trace}
	if values[0] != "" {
		out["X-Forwarded-For"] = values[0:1:1]
	}
	out["X-Forwarded-Proto"] = values[1:2:2]
	out["X-Forwarded-Host"] = values[2:3:3]
	out["X-Forwarded-Port"] = values[3:4:4]
	out["X-Request-Id"] = values[4:5:5]
	if own.prefix != "" {
		out["X-Forwarded-Prefix"] = values[5:6:6]
	}
	out["X-Amzn-Trace-Id"] = values[6:7:7]
}

// chain is the value of X-Forwarded-For, "" for none.
func (o *origin) chain(in *http.Request, f *Forwarded) string {
	var prior string
	if o.trusted {
		prior = strings.Join(in.Header["X-Forwarded-For"], ", ")
	}
	switch f.Mode {
	case ForwardedRemove:
		return ""
	case ForwardedPreserve:
		return prior
	}
	peer := o.peerText(in.RemoteAddr)
	if f.ClientPort {
		if ap, err := netip.ParseAddrPort(in.RemoteAddr); err == nil {
			peer = netip.AddrPortFrom(o.peer, ap.Port()).String()
		}
	}
	if prior == "" {
		return peer
	}
	return prior + ", " + peer
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
	return strings.HasPrefix(plain, "x-forwarded-") || strings.HasPrefix(plain, "x-amzn-") || plain == "x-real-ip"
}

// isAmazons reports whether a load balancer alone may set the field: with it, an
// ALB says who has signed in (x-amzn-oidc-*) or shown a certificate (x-amzn-mtls-*).
func isAmazons(name string) bool {
	return strings.HasPrefix(name, "X-Amzn-") && name != "X-Amzn-Trace-Id"
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
