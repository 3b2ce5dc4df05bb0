package route

import (
	"net/netip"
	"strconv"
	"strings"
)

// origin is the part of a URL before its path.
type origin struct {
	protocol, host, port string
}

func newOrigin(req *Request, protocol string, port int) origin {
	o := origin{protocol: strings.ToLower(protocol)}
	o.host, o.port = splitHost(req.Host)
	if port != 0 {
		o.port = strconv.Itoa(port)
	} else if n, err := strconv.ParseUint(o.port, 10, 16); err != nil || n == 0 {
		o.port = defaultPort(o.protocol)
	}
	return o
}

// String leaves the protocol's default port out.
func (o origin) String() string {
	s := o.protocol + "://" + o.host
	if o.port != defaultPort(o.protocol) {
		s += ":" + o.port
	}
	return s
}

// keyword is what #{word} stands for in a redirect.
func (o origin) keyword(word string, req *Request) string {
	switch word {
	case wordProtocol:
		return o.protocol
	case wordHost:
		return o.host
	case wordPort:
		return o.port
	case wordPath:
		return strings.TrimPrefix(req.Path, "/")
	default:
		return req.Query
	}
}

func defaultPort(protocol string) string {
	if protocol == "https" {
		return "443"
	}
	return "80"
}

// validHost reports whether s can stand in a URL as a host: a name, an IPv4
// address, or an IPv6 address in brackets.
func validHost(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Is6() && addr.Zone() == ""
	}
	return s != "" && len(s) <= 255 && consistsOf(s, alphanumeric+"-._")
}
