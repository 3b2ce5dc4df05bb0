package prefix

import (
	"net/http"
	"strings"
)

// Strip returns the escaped path below the prefix, with its leading slash, for the escaped path of a request.
// ok is false if the path lies elsewhere. Bytes are compared as they are: "/session/%64emo/" is
// not below "/session/demo/", since the browser would go on with that spelling where the import map has
// another. Dot segments are the caller's to refuse, before.
func (rw *Rewriter) Strip(escapedPath string) (rest string, ok bool) {
	if !strings.HasPrefix(escapedPath, rw.prefix) {
		return "", false
	}
	return escapedPath[len(rw.prefix)-1:], true
}

// Request edits the header of a request that goes to the site. host is the host[:port] the browser asked for.
//
// Accept-Encoding becomes identity, since only plain bodies can be rewritten. A Referer of this host below the
// prefix loses the prefix, so that the site sees its own path; one of this host outside of it is cut
// down to the origin, since another session's path is none of the site's business. Referers of other
// hosts stay. Validators of rewritten bodies in If-None-Match become the site's own again. Origin stays too: it has no path, and the dev server compares it with Host.
func (rw *Rewriter) Request(h http.Header, host string) {
	h.Set("Accept-Encoding", "identity")
	if v := h.Get("If-None-Match"); v != "" {
		if v = unmarkValidators(v); v == "" {
			h.Del("If-None-Match")
		} else {
			h.Set("If-None-Match", v)
		}
	}
	each(h, "Referer", func(v string) string { return rw.referer(v, host) })
}

func (rw *Rewriter) referer(v, host string) string {
	n := (&site{host: host}).authority([]byte(v + " "))
	if n < 0 {
		return v
	}
	if rest, ok := rw.Strip(v[n:]); ok {
		return v[:n] + rest
	}
	return v[:n] + "/"
}
