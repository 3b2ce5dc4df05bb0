package route

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Errors of [Redirect.Location]. The first is the client's mistake (400), the
// others are the rule's (500).
var (
	ErrRedirectHost      = errors.New("the request's host cannot be redirected to")
	ErrRedirectDowngrade = errors.New("a redirect from HTTPS to HTTP is refused")
	ErrRedirectTooLong   = fmt.Errorf("the redirect's location is longer than %d bytes", maxLocation)
)

const maxLocation = 8 << 10

// Redirect sends the client elsewhere. The fields are those of an ALB redirect
// action; an empty one keeps the request's own part. The keywords #{protocol},
// #{host}, #{port}, #{path} (without its leading slash) and #{query} stand for
// the request's parts.
type Redirect struct {
	// StatusCode is 301, 302, 303, 307 or 308; 0 means 302.
	StatusCode int
	// Protocol is "HTTP", "HTTPS" or "#{protocol}".
	Protocol string
	// Host may hold #{host}.
	Host string
	// Port is a number or "#{port}". If it is empty and the protocol changes, the
	// old protocol's default port becomes the new one's.
	Port string
	// Path begins with "/" and may hold #{host}, #{path} and #{port}.
	Path string
	// Query comes without "?" and may hold every keyword. nil keeps the request's,
	// "" drops it.
	Query *string
}

const (
	wordProtocol = "protocol"
	wordHost     = "host"
	wordPort     = "port"
	wordPath     = "path"
	wordQuery    = "query"
)

// check holds the fields against the ALB's list of keywords for each of them.
func (r *Redirect) check(m *mistakes) {
	if r.StatusCode != 0 && !slices.Contains([]int{301, 302, 303, 307, 308}, r.StatusCode) {
		m.add("redirect.status_code", "%d is not 301, 302, 303, 307 or 308", r.StatusCode)
	}
	if p := strings.ToLower(r.Protocol); p != "" && p != "http" && p != "https" && p != "#{protocol}" {
		m.add("redirect.protocol", "%q is not HTTP, HTTPS or #{protocol}", r.Protocol)
	}
	r.checkHost(m)
	r.checkPort(m)
	r.checkPath(m)
	r.checkQuery(m)
	if r.changesNothing() {
		m.add("redirect", "protocol, host, port and path all stay the same: it would lead to itself")
	}
}

func (r *Redirect) checkHost(m *mistakes) {
	if r.Host == "" {
		return
	}
	if word := wrongKeyword(r.Host, wordHost); word != "" {
		m.add("redirect.host", "%s is not known here", word)
	} else if !validHost(expand(r.Host, func(string) string { return "host" })) {
		m.add("redirect.host", "%q is no host name", r.Host)
	}
}

func (r *Redirect) checkPort(m *mistakes) {
	if r.Port == "" || r.Port == "#{port}" {
		return
	}
	if n, err := strconv.ParseUint(r.Port, 10, 16); err != nil || n == 0 {
		m.add("redirect.port", "%q is neither a port nor #{port}", r.Port)
	}
}

func (r *Redirect) checkPath(m *mistakes) {
	if r.Path == "" {
		return
	}
	literal := expand(r.Path, func(string) string { return "" })
	switch word := wrongKeyword(r.Path, wordHost, wordPath, wordPort); {
	case word != "":
		m.add("redirect.path", "%s is not known here", word)
	case first(r.Path) != '/':
		m.add("redirect.path", "%q must begin with /", r.Path)
	case strings.ContainsAny(literal, "?#") || strings.IndexFunc(literal, isControl) >= 0:
		m.add("redirect.path", "%q holds a character that does not belong in a path", r.Path)
	}
}

func (r *Redirect) checkQuery(m *mistakes) {
	if r.Query == nil {
		return
	}
	literal := expand(*r.Query, func(string) string { return "" })
	switch word := wrongKeyword(*r.Query, wordProtocol, wordHost, wordPort, wordPath, wordQuery); {
	case word != "":
		m.add("redirect.query", "%s is not known", word)
	case strings.ContainsAny(literal, "?#") || strings.IndexFunc(literal, isControl) >= 0:
		m.add("redirect.query", "%q holds a character that does not belong in a query", *r.Query)
	}
}

func (r *Redirect) changesNothing() bool {
	same := func(value string, keeps string) bool { return value == "" || value == keeps }
	return same(strings.ToLower(r.Protocol), "#{protocol}") && same(r.Host, "#{host}") &&
		same(r.Port, "#{port}") && same(r.Path, "/#{path}")
}

// Status is the code of the answer.
func (r *Redirect) Status() int {
	if r.StatusCode == 0 {
		return 302
	}
	return r.StatusCode
}

// Location is the URL for req, always absolute, so that no path can lead to
// another host. Protocol ("http" or "https") and port are those by which the
// client reached us; with port 0 the Host header's port counts, else the
// protocol's default. Default ports are left out, other than an ALB does.
func (r *Redirect) Location(req *Request, protocol string, port int) (string, error) {
	from := newOrigin(req, protocol, port)
	to := r.target(from)
	switch {
	case !validHost(to.host):
		return "", ErrRedirectHost
	case from.protocol == "https" && to.protocol == "http":
		return "", ErrRedirectDowngrade
	}
	keyword := func(word string) string { return from.keyword(word, req) }
	path, query := "/"+keyword(wordPath), req.Query
	if r.Path != "" {
		path = expand(r.Path, keyword)
	}
	if r.Query != nil {
		query = expand(*r.Query, keyword)
	}
	location := to.String() + escapeUnsafe(path, "?#")
	if query != "" {
		location += "?" + escapeUnsafe(query, "#")
	}
	if len(location) > maxLocation {
		return "", ErrRedirectTooLong
	}
	return location, nil
}

// target applies the fields before the path.
func (r *Redirect) target(from origin) origin {
	to := from
	if p := strings.ToLower(r.Protocol); p == "http" || p == "https" {
		to.protocol = p
	}
	if r.Host != "" {
		to.host = expand(r.Host, func(string) string { return from.host })
	}
	switch {
	case r.Port == "" && from.port == defaultPort(from.protocol):
		to.port = defaultPort(to.protocol)
	case r.Port != "" && r.Port != "#{port}":
		to.port = r.Port
	}
	return to
}
