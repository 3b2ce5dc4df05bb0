package proxy

import (
	"net"
	"strconv"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
)

// HTTPS is what clients are told about TLS. The zero value tells nothing.
type HTTPS struct {
	// Redirect is the status with which plain requests are sent to https; 0 means
	// that they are served.
	Redirect int
	// Port is where browsers find https. Zero means 443.
	Port int
	// Hosts are the names whose plain requests are redirected: whole names, or
	// "*.example.com" for all below one. None means all.
	Hosts []string
	// StrictTransport is the value of Strict-Transport-Security in answers over TLS
	// (RFC 6797); "" for none.
	StrictTransport string
}

// secures reports whether the host is among Hosts.
func (s *HTTPS) secures(host string) bool {
	for _, name := range s.Hosts {
		suffix, below := strings.CutPrefix(name, "*")
		if strings.EqualFold(name, host) || below && len(host) > len(suffix) && strings.EqualFold(host[len(host)-len(suffix):], suffix) {
			return true
		}
	}
	return len(s.Hosts) == 0
}

// location is where a plain request is sent; "" if it is served.
func (s *HTTPS) location(o *origin, r *route.Request) string {
	if o.https || s.Redirect == 0 {
		return ""
	}
	host := hostname(r.Host)
	if host == "" || !s.secures(host) {
		return ""
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if s.Port != 0 && s.Port != 443 {
		host += ":" + strconv.Itoa(s.Port)
	}
	return "https://" + withQuery(host+r.Path, r.Query)
}

// toHTTPS redirects a plain request whose host is served by TLS only, and tells
// clients that come by TLS to stay with it. It reports whether it has answered.
func (x *exchange) toHTTPS() bool {
	s := &x.settings.HTTPS
	if x.origin.https && s.StrictTransport != "" {
		x.w.Header().Set("Strict-Transport-Security", s.StrictTransport)
	}
	location := s.location(&x.origin, &x.facts)
	if location == "" {
		return false
	}
	x.line.Action = "redirect"
	x.closeUnlessRead()
	x.redirect(s.Redirect, location)
	return true
}

// hostname is the Host header without its port and brackets.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}
