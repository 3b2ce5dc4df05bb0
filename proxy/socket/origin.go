package socket

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// origins are the pages that may open sockets beside those of the request's own
// host.
type origins struct {
	listed  []string // as Options.Origins
	missing bool     // as Options.AllowMissingOrigin
}

// SetOrigins takes the place of [Options.Origins]. Open sockets stay open.
func (h *Hub) SetOrigins(listed []string) {
	h.origins.Store(&origins{listed: slices.Clone(listed), missing: h.options.AllowMissingOrigin})
}

// check refuses what a page of another site opened: the same-origin policy
// does not cover websockets, and dev servers trust whoever reaches them (RFC
// 6455 10.2). Allowed are the request's own host and the configured origins.
//
// A browser always sends Origin. A request without it comes from a program, and
// some dev servers ask such a request for no token; so it is refused unless the
// options allow it. A program can name the site's own origin instead.
func (o *origins) check(r *http.Request) error {
	switch given := r.Header.Values("Origin"); {
	case len(given) == 0 && o.missing:
		return nil
	case len(given) == 0:
		return errors.New("the handshake has no Origin; send the origin of the site itself")
	case len(given) == 1 && o.allow(given[0], r.Host):
		return nil
	}
	return errors.New("pages of this origin may not open a websocket here")
}

func (o *origins) allow(origin, host string) bool {
	origin = strings.ToLower(origin)
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return o.lists(origin, u.Host)
	}
	return trimPort(u.Host, u.Scheme) == trimPort(strings.ToLower(host), u.Scheme) || o.lists(origin, trimPort(u.Host, u.Scheme))
}

// lists reports whether the configuration names the origin in full or its host.
func (o *origins) lists(origin, host string) bool {
	for _, allowed := range o.listed {
		if allowed = strings.ToLower(allowed); allowed == origin || allowed == host {
			return true
		}
	}
	return false
}

// trimPort leaves out the scheme's default port, as browsers do in Origin.
func trimPort(host, scheme string) string {
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}
