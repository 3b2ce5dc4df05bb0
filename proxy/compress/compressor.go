package compress

import (
	"net/http"
	"strings"
	"sync"
)

// Compressor codes answers. The zero value is ready to use and safe for
// concurrent use; it must not be copied.
type Compressor struct {
	coders sync.Pool // of *coder
}

// Response codes the answer of an upstream to r if the client takes gzip and the
// answer gains from it: it edits the answer's header and replaces its body. An
// answer that would be coded for another client gets Vary: Accept-Encoding
// (RFC 9110 12.5.5). Event streams, parts (206), what is coded already, marked
// no-transform (RFC 9111 5.2.2.6), or short stay as they are.
func (c *Compressor) Response(r *http.Request, res *http.Response) {
	if res.StatusCode == http.StatusNotModified {
		confirm(r, res.Header)
		return
	}
	if !eligible(res) {
		return
	}
	addVary(res.Header)
	if !acceptsGzip(r.Header["Accept-Encoding"]) {
		return
	}
	codedHeader(res.Header)
	if r.Method == http.MethodHead {
		return
	}
	res.Body = c.newBody(res.Body, res.ContentLength < 0)
	res.ContentLength = -1
}

// confirm gives a 304 the weak validator of the coded answer that it confirms, if
// the client asks with that one (RFC 9110 15.4.5).
func confirm(r *http.Request, h http.Header) {
	weak := "W/" + h.Get("Etag")
	for _, asked := range r.Header["If-None-Match"] {
		if h.Get("Etag") != "" && strings.Contains(asked, weak) {
			h["Etag"] = []string{weak}
		}
	}
}

// codedHeader makes the header that of the coded answer. Its validator becomes
// weak, since the bytes are others now (RFC 9110 8.8.3.3).
func codedHeader(h http.Header) {
	h["Content-Encoding"] = []string{"gzip"}
	for _, name := range []string{"Content-Length", "Accept-Ranges", "Content-Md5", "Digest", "Content-Digest"} {
		delete(h, name)
	}
	if tag := h.Get("Etag"); len(tag) > 0 && tag[0] == '"' {
		h["Etag"] = []string{"W/" + tag}
	}
}

// coder returns one that nobody uses.
func (c *Compressor) coder() *coder {
	if coder, ok := c.coders.Get().(*coder); ok {
		return coder
	}
	return newCoder()
}
