package socket

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// checkOrigin refuses what a page of another site opened: the same-origin policy
// does not cover websockets, and dev servers trust whoever reaches them (RFC
// 6455 10.2). Allowed are the request's own host and the configured origins.
//
// A browser always sends Origin. A request without it comes from a program, and
// some dev servers ask such a request for no token; so it is refused unless the
// options allow it. A program can name the site's own origin instead.
func (o *Options) checkOrigin(r *http.Request) error {
	switch origins := r.Header.Values("Origin"); {
	case len(origins) == 0 && o.AllowMissingOrigin:
		return nil
	case len(origins) == 0:
		return errors.New("the handshake has no Origin; send the origin of the site itself")
	case len(origins) == 1 && o.allowedOrigin(origins[0], r.Host):
		return nil
	}
	return errors.New("pages of this origin may not open a websocket here")
}

func (o *Options) allowedOrigin(origin, host string) bool {
	origin = strings.ToLower(origin)
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return o.listed(origin, u.Host)
	}
	return trimPort(u.Host, u.Scheme) == trimPort(strings.ToLower(host), u.Scheme) || o.listed(origin, trimPort(u.Host, u.Scheme))
}

// listed reports whether the configuration names the origin in full or its host.
func (o *Options) listed(origin, host string) bool {
	for _, allowed := range o.Origins {
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
