package proxy

import (
	"net/http"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
)

// outgoing edits the header of a request to the upstream and returns the Host to
// ask for: the client's, or another one. Then an Origin or Referer that is on this
// host becomes that one's, too: dev servers compare them with Host.
func (x *exchange) outgoing(h http.Header) (host string) {
	x.origin.setForwarded(h, x.r, &x.settings.Forwarded, ours{id: x.line.RequestID, trace: x.line.TraceID, prefix: x.strippedPrefix()})
	addVia(h, x.r)
	if x.attempt.host == "" {
		return x.r.Host
	}
	for _, name := range [...]string{"Origin", "Referer"} {
		if v := field(h, name); v != "" && sameOrigin(v, x.r.Host) {
			rest, _ := cutScheme(v)
			h.Set(name, x.attempt.scheme+"://"+x.attempt.host+rest[len(x.r.Host):])
		}
	}
	return x.attempt.host
}

// strippedPrefix is what was taken off the path, "" if nothing was.
func (x *exchange) strippedPrefix() string {
	if x.action == nil || x.action.Prefix == route.PrefixKeep {
		return ""
	}
	return x.identity.Prefix
}

// moveLocation makes a redirect to the Host that was asked for one to this host.
func (x *exchange) moveLocation(h http.Header) {
	v := h.Get("Location")
	if v == "" || !sameOrigin(v, x.attempt.host) {
		return
	}
	rest, _ := cutScheme(v)
	path := rest[len(x.attempt.host):]
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
