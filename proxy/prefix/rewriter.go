package prefix

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Options says where a session's site is mounted.
type Options struct {
	// Prefix is the escaped path below which the site lives, with a slash at both ends: "/session/demo/".
	// Besides letters and digits it may hold "-._~%@:+!/" only. There is no default.
	Prefix string
	// Base is the escaped path below which all sessions live, with a slash at both ends: "/session/".
	// Addresses that begin with it are never touched, so links between sessions stay what they are, and
	// a site cannot have pages of its own there. Default: Prefix without its last segment; if that
	// is "/", Prefix.
	Base string
}

// Rewriter keeps one session's site below its prefix. It is immutable, safe for concurrent use, and cheap
// enough to be made for each request.
type Rewriter struct {
	prefix string
	base   string
}

// New returns a Rewriter, or an error if a path of the options cannot be written into HTML, CSS and
// JavaScript as it stands.
func New(o Options) (*Rewriter, error) {
	if err := check(o.Prefix); err != nil {
		return nil, err
	}
	if o.Base == "" {
		o.Base = o.Prefix[:strings.LastIndexByte(strings.TrimSuffix(o.Prefix, "/"), '/')+1]
		if o.Base == "/" {
			o.Base = o.Prefix
		}
	}
	if err := check(o.Base); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(o.Prefix, o.Base) {
		return nil, fmt.Errorf("prefix %q lies outside of base %q", o.Prefix, o.Base)
	}
	return &Rewriter{prefix: o.Prefix, base: o.Base}, nil
}

// check refuses paths that are no prefix or would need quoting somewhere.
func check(path string) error {
	if len(path) < 3 || path[0] != '/' || path[len(path)-1] != '/' || strings.Contains(path, "//") {
		return fmt.Errorf("prefix %q: want a path with a slash at both ends", path)
	}
	for i := range len(path) {
		c := path[i]
		if !isLetter(c) && (c < '0' || c > '9') && strings.IndexByte("-._~%@:+!/", c) < 0 {
			return fmt.Errorf("prefix %q: byte %q is not allowed", path, c)
		}
	}
	return nil
}

// Exchange is what a Rewriter has to know of the request that an answer belongs to.
type Exchange struct {
	// Method is the request's method.
	Method string
	// Path is the escaped path below the prefix, as it was sent upstream: "/@vite/client".
	Path string
	// Host is the host[:port] that the browser asked for. Absolute addresses of this host, with http or
	// https, are treated as root-absolute ones.
	Host string
	// Dest is the request's Sec-Fetch-Dest, or "". A page loaded as a document or frame gets the import map
	// even if it lacks <!doctype>, <html> and <head> (Astro's error page does).
	Dest string
	// IfNoneMatch is the request's field of this name as the browser sent it, before [Rewriter.Request].
	IfNoneMatch string
	// ViteClient, if set, is called once at the end of each rewritten /@vite/client with the number of
	// constants found, from within Read. Fewer than ViteConstants means that Vite has changed: worth one log line.
	ViteClient func(found int)
}

// Kind is the kind of rewriting that an answer's body undergoes.
type Kind uint8

// The kinds of rewriting.
const (
	None Kind = iota
	HTML
	CSS
	ViteClient
)

// String returns a short name, fit for a metric label.
func (k Kind) String() string {
	return [...]string{"none", "html", "css", "vite_client"}[k]
}

// Response rewrites an answer of the site: it edits h in place and returns the body to send instead, and
// the kind of rewriting. The new body reads from the old one as it is read, keeps no goroutine, and closes the
// old one when it is closed. If the kind is not None the caller must set the response's
// ContentLength to -1, so that ReverseProxy flushes what is streamed. A 101 is left alone entirely.
func (rw *Rewriter) Response(x Exchange, status int, h http.Header, src io.ReadCloser) (io.ReadCloser, Kind) {
	if status == http.StatusSwitchingProtocols {
		return src, None
	}
	s := rw.site(x.Host)
	guarded := s.headers(h)
	kind := kindOf(x, status, h)
	if kind == None {
		if status == http.StatusNotModified {
			remarkValidator(h, x.IfNoneMatch)
		}
		return src, None
	}
	markValidator(h)
	for _, name := range bodyHeaders {
		h.Del(name)
	}
	if x.Method == http.MethodHead {
		return src, kind
	}
	return newBody(src, s.scanner(x, kind, guarded)), kind
}

// bodyHeaders describe the body as the site sent it. The date goes too; the other validator is marked.
var bodyHeaders = []string{
	"Accept-Ranges", "Content-Digest", "Content-Length", "Content-Md5", "Digest", "Last-Modified", "Repr-Digest",
}

func (rw *Rewriter) site(host string) *site {
	return &site{mount: strings.TrimSuffix(rw.prefix, "/"), base: rw.base, host: host}
}

// scanner returns what rewrites a body of the given kind.
func (s *site) scanner(x Exchange, kind Kind, guarded bool) scanner {
	switch kind {
	case CSS:
		return &cssScanner{site: s}
	case ViteClient:
		return &viteScanner{site: s, found: x.ViteClient}
	}
	return newHTMLScanner(s, head{navigated: loadsDocument(x.Dest), guarded: guarded})
}

// loadsDocument reports the request destinations whose answer becomes a document (Fetch, "destination").
func loadsDocument(dest string) bool {
	switch dest {
	case "document", "frame", "iframe", "embed", "object":
		return true
	}
	return false
}

// kindOf decides what is done to a body. Parts (206), encoded bodies and encodings in which ASCII does not
// stand for itself are passed as they are.
func kindOf(x Exchange, status int, h http.Header) Kind {
	switch {
	case status < 200, status == http.StatusNoContent, status == http.StatusNotModified, status == http.StatusPartialContent:
		return None
	case h.Get("Content-Encoding") != "" && !strings.EqualFold(h.Get("Content-Encoding"), "identity"):
		return None
	}
	media, params, _ := strings.Cut(strings.ToLower(h.Get("Content-Type")), ";")
	if strings.Contains(params, "utf-16") {
		return None
	}
	switch strings.TrimSpace(media) {
	case "text/html":
		return HTML
	case "text/css":
		return CSS
	case "text/javascript", "application/javascript":
		if strings.HasSuffix(x.Path, "/@vite/client") {
			return ViteClient
		}
	}
	return None
}
