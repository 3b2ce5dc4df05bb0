package route

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// field names a condition as it is written in the configuration.
type field string

const (
	fieldPath     field = "path"
	fieldHost     field = "host"
	fieldMethod   field = "method"
	fieldHeader   field = "header"
	fieldQuery    field = "query"
	fieldSourceIP field = "source_ip"
)

// condition is one compiled condition. It is a plain struct, not an interface:
// a Request passed through an interface would be moved to the heap.
type condition struct {
	field    field
	header   string   // canonical name, for fieldHeader
	want     []string // as written, for people
	globs    []glob
	regexes  []*regexp.Regexp
	pairs    []pairGlob
	prefixes []netip.Prefix
}

type pairGlob struct {
	anyKey     bool
	key, value glob
}

func (c *condition) holds(r *Request) bool {
	switch c.field {
	case fieldPath:
		return c.matches(r.Path)
	case fieldHost:
		return c.holdsHost(r.Host)
	case fieldMethod:
		return c.holdsMethod(r.Method)
	case fieldHeader:
		return c.holdsHeader(r.Header[c.header])
	case fieldQuery:
		return c.holdsQuery(r.Query)
	default:
		return c.holdsPeer(r.Peer)
	}
}

func (c *condition) matches(s string) bool {
	for i := range c.globs {
		if c.globs[i].match(s) {
			return true
		}
	}
	return c.matchesRegex(s)
}

func (c *condition) matchesRegex(s string) bool {
	for _, re := range c.regexes {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}

// holdsHost compares without the port. ALB documents regular expressions as the
// way to tell ports apart, so those see the whole value as well.
func (c *condition) holdsHost(hostport string) bool {
	host, port := splitHost(hostport)
	return c.matches(host) || port != "" && c.matchesRegex(hostport)
}

func (c *condition) holdsMethod(method string) bool {
	return slices.Contains(c.want, method)
}

func (c *condition) holdsHeader(values []string) bool {
	for _, v := range values {
		if c.matches(visible(v)) {
			return true
		}
	}
	return false
}

func (c *condition) holdsQuery(query string) bool {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		for i := range c.pairs {
			p := &c.pairs[i]
			if pair != "" && (p.anyKey || p.key.match(key)) && p.value.match(value) {
				return true
			}
		}
	}
	return false
}

func (c *condition) holdsPeer(peer netip.Addr) bool {
	peer = peer.Unmap().WithZone("")
	for _, p := range c.prefixes {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// visible drops control characters, which ALB rules do not see. Of the parts of a
// request only header values can hold one (the tab).
func visible(s string) string {
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return -1
		}
		return r
	}, s)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
