package warming

import (
	"net/http"
	"net/url"
	"strings"
)

// returnField is the retry form's field with the path and query to go back to.
const returnField = "to"

// ReturnTo returns where a POST to [WakePath] leads back to: the path and query
// in its form, or base + "/" if that is anything but a path of this host. The
// caller bounds the body before (http.MaxBytesReader).
func ReturnTo(r *http.Request, base string) string {
	to := r.PostFormValue(returnField)
	if !isLocal(to) {
		return base + "/"
	}
	return to
}

// isLocal reports whether a browser takes to for a path of the host it is on: no
// scheme, no "//" or "/\", and nothing that it would drop to make one of those
// (URL standard 4.4).
func isLocal(to string) bool {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return false
	}
	for _, r := range to {
		if r <= ' ' || r == 0x7f {
			return false
		}
	}
	u, err := url.ParseRequestURI(to)
	return err == nil && u.Host == ""
}
