package compress

import (
	"net/http"
	"strings"
)

// minLength is below what a body of known length gains nothing: header and
// checksum of gzip take 18 bytes, and a packet carries 1,400.
const minLength = 1024

// eligible reports whether the answer gains from being coded, for a client that
// takes it.
func eligible(res *http.Response) bool {
	h := res.Header
	switch {
	case res.StatusCode < 200, res.StatusCode == http.StatusNoContent, res.StatusCode == http.StatusPartialContent:
		return false
	case res.ContentLength >= 0 && res.ContentLength < minLength:
		return false
	}
	coding := h.Get("Content-Encoding")
	return (coding == "" || strings.EqualFold(coding, "identity")) && isText(h.Get("Content-Type")) && !noTransform(h)
}

func noTransform(h http.Header) bool {
	for _, v := range h["Cache-Control"] {
		for directive := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(directive), "no-transform") {
				return true
			}
		}
	}
	return false
}

// isText reports whether a media type is text by nature. Event streams are not
// among them: they are slow by nature, and some clients read them uncoded only.
func isText(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	switch t {
	case "text/event-stream":
		return false
	case "application/javascript", "application/x-javascript", "application/ecmascript", "application/json",
		"application/xml", "application/wasm":
		return true
	}
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml")
}

// addVary adds Accept-Encoding to Vary unless it is there.
func addVary(h http.Header) {
	for _, v := range h["Vary"] {
		for name := range strings.SplitSeq(v, ",") {
			name = strings.TrimSpace(name)
			if name == "*" || strings.EqualFold(name, "Accept-Encoding") {
				return
			}
		}
	}
	h.Add("Vary", "Accept-Encoding")
}
