package route

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// ResponseHeaders changes the header of the rule's answers. In an answer of an
// upstream, of files, and in a redirect or fixed response, Set takes the place of
// what is there; a page or problem that the proxy itself makes keeps what it
// says already.
type ResponseHeaders struct {
	Set    map[string]string
	Remove []string
}

// framing are fields of one connection or of the message's form (RFC 9110 6.6, 7.6.1,
// 8.4, 8.6, 14.4), and Location, which redirect has: changing one would break the
// answer.
var framing = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Range", "Keep-Alive", "Location", "Proxy-Authenticate",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// headerEdits is compiled ResponseHeaders.
type headerEdits struct {
	names  []string // canonical, of values
	values []string
	remove []string // canonical
}

func (r *Rule) compileResponseHeaders(m *mistakes) {
	if len(r.ResponseHeaders.Set)+len(r.ResponseHeaders.Remove) == 0 {
		return
	}
	e := &headerEdits{}
	for _, name := range slices.Sorted(maps.Keys(r.ResponseHeaders.Set)) {
		value := r.ResponseHeaders.Set[name]
		canonical := editableHeader("response_headers.set", name, m)
		switch {
		case canonical == "Set-Cookie":
			m.add("response_headers.set", "Set-Cookie would take the place of the site's own cookies")
		case strings.IndexFunc(value, isControl) >= 0:
			m.add("response_headers.set", "the value of %s holds a control character", name)
		case slices.Contains(e.names, canonical):
			m.add("response_headers.set", "%s is named twice", canonical)
		}
		e.names, e.values = append(e.names, canonical), append(e.values, value)
	}
	for _, name := range r.ResponseHeaders.Remove {
		canonical := editableHeader("response_headers.remove", name, m)
		if slices.Contains(e.names, canonical) {
			m.add("response_headers.remove", "%s is set, too", canonical)
		}
		e.remove = append(e.remove, canonical)
	}
	r.headerEdits = e
}

// editableHeader returns the canonical name.
func editableHeader(field, name string, m *mistakes) string {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case name == "" || !consistsOf(name, tokenChars):
		m.add(field, "%q is no header name", name)
	case slices.Contains(framing, canonical) || strings.HasPrefix(canonical, "Sec-Websocket-"):
		m.add(field, "%s belongs to the connection or to the form of the answer", canonical)
	}
	return canonical
}

// EditsResponse reports whether the rule changes the header of answers.
func (r *Rule) EditsResponse() bool { return r.headerEdits != nil }

// EditResponse sets and removes what the rule says. The values are h's own: path
// mode edits them in place.
func (r *Rule) EditResponse(h http.Header) {
	if r.headerEdits == nil {
		return
	}
	for _, name := range r.headerEdits.remove {
		delete(h, name)
	}
	for i, name := range r.headerEdits.names {
		h[name] = []string{r.headerEdits.values[i]}
	}
}

// CompleteResponse sets what the rule says and h does not have.
func (r *Rule) CompleteResponse(h http.Header) {
	if r.headerEdits == nil {
		return
	}
	for i, name := range r.headerEdits.names {
		if _, has := h[name]; !has {
			h[name] = []string{r.headerEdits.values[i]}
		}
	}
}
