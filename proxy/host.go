package proxy

import (
	"net/http"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
)

// outgoing edits the header of a request to the upstream and returns the Host to
// ask for: the client's, or the upstream's own. Then an Origin or Referer that is
// on this host becomes the upstream's, too: dev servers compare them with Host.
func (x *exchange) outgoing(h http.Header) (host string) {
	x.origin.setForwarded(h, x.r, x.line.RequestID, x.strippedPrefix())
	if x.attempt.keepHost {
		return x.r.Host
	}
	for _, name := range [...]string{"Origin", "Referer"} {
		if v := field(h, name); v != "" && sameOrigin(v, x.r.Host) {
			rest, _ := cutScheme(v)
			h.Set(name, x.attempt.scheme+"://"+x.attempt.addr+rest[len(x.r.Host):])
		}
	}
	return x.attempt.addr
}

// strippedPrefix is what was taken off the path, "" if nothing was.
func (x *exchange) strippedPrefix() string {
	if x.action == nil || x.action.Prefix == route.PrefixKeep {
		return ""
	}
	return x.identity.Prefix
}

// moveLocation makes a redirect to the upstream's own address one to this host.
func (x *exchange) moveLocation(h http.Header) {
	v := h.Get("Location")
	if v == "" || !sameOrigin(v, x.attempt.addr) {
		return
	}
	rest, _ := cutScheme(v)
	path := rest[len(x.attempt.addr):]
	if path == "" {
		path = "/"
	}
	h.Set("Location", path)
}

// sameOrigin reports whether an Origin or Referer value is on the host. The scheme
// does not count: TLS may end at a proxy in front that nobody has told us to trust.
func sameOrigin(rawURL, host string) bool {
	rest, ok := cutScheme(rawURL)
	return ok && len(rest) >= len(host) && rest[:len(host)] == host && (len(rest) == len(host) || rest[len(host)] == '/')
}

// cutScheme returns what stands behind http:// or https://.
func cutScheme(rawURL string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(rawURL, "http://"); ok {
		return rest, true
	}
	return strings.CutPrefix(rawURL, "https://")
}
