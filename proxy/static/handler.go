// Package static serves the files of a site: of a folder, by [NewFolder], or of an
// S3 bucket, by [NewBucket].
//
// Only what the folder or the bucket's prefix holds is served, whatever a path or a
// symbolic link says; hidden files and listings never are.
package static

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"strings"
)

// Options of a [Handler].
type Options struct {
	// Fallback is the file that navigations to unknown paths get with status 200, for
	// single-page sites, for example "index.html". Empty means that they get the 404.
	Fallback string
	// CacheControl is the header's value in answers with status 200, 206 and 304,
	// unless the object of a bucket has its own. Empty means "no-cache": browsers
	// ask each time, and mostly get a 304.
	CacheControl string
	// Index is the file that a path with a slash at its end stands for. Empty means
	// "index.html".
	Index string
	// ErrorDocument is the file that an answer with status 404 shows, if it is there.
	// Empty means "404.html".
	ErrorDocument string
}

func (o Options) withDefaults() Options {
	o.CacheControl = cmp.Or(o.CacheControl, "no-cache")
	o.Index = cmp.Or(o.Index, "index.html")
	o.ErrorDocument = cmp.Or(o.ErrorDocument, "404.html")
	return o
}

// check reports names that could never be served.
func (o *Options) check() error {
	switch {
	case o.Fallback != "" && !isName(o.Fallback):
		return errors.New("static: the fallback must be a path below the folder, without hidden parts")
	case !isName(o.ErrorDocument):
		return errors.New("static: the error document must be a path below the folder, without hidden parts")
	case !isName(o.Index) || strings.Contains(o.Index, "/"):
		return errors.New("static: the index must be the name of a file, not hidden")
	}
	return nil
}

// Handler serves one site. It is safe for concurrent use.
type Handler struct {
	source  source
	options Options
	log     *slog.Logger
	// oneRange: a Range with several parts is as good as none (RFC 9110 14.2 allows
	// it), since each part would be a call.
	oneRange bool
}

var _ http.Handler = (*Handler)(nil)

func newHandler(s source, o Options, log *slog.Logger) (*Handler, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Handler{source: s, options: o, log: log}, nil
}

// Close frees the source. No request may be under way.
func (h *Handler) Close() error { return h.source.close() }

// ServeHTTP answers GET and HEAD, ranges and conditional requests included (RFC
// 9110 13 and 14), and everything else with 405.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.ServePath(w, r, r.URL.EscapedPath())
}

// ServePath is ServeHTTP with the file at another escaped path than the client asked
// for. Redirects stay at the client's.
func (h *Handler) ServePath(w http.ResponseWriter, r *http.Request, escaped string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if h.oneRange && strings.Contains(r.Header.Get("Range"), ",") {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	name, isFolder, ok := fileName(escaped)
	if !ok {
		h.notFound(w, r)
		return
	}
	if isFolder {
		name = strings.TrimPrefix(name+"/"+h.options.Index, "/")
	}
	f, err := h.source.open(r.Context(), name, wantsAll(r))
	absent := errors.Is(err, errFolder) || errors.Is(err, fs.ErrNotExist)
	switch {
	case err == nil:
		defer f.Close()
		h.serve(w, r, f, name)
	case absent && !isFolder && !strings.HasSuffix(r.URL.Path, "/") && h.hasIndex(r, name):
		redirectToFolder(w, r)
	case absent:
		h.missing(w, r)
	default:
		h.fail(w, r, err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, f *file, name string) {
	header := w.Header()
	header.Set("Cache-Control", h.options.CacheControl)
	maps.Copy(header, f.header)
	header.Set("Etag", f.etag)
	header.Set("X-Content-Type-Options", "nosniff")
	if f.header.Get("Content-Type") == "" {
		header.Set("Content-Type", contentType(name))
	}
	http.ServeContent(w, r, name, f.modified, f.ReadSeekCloser) // an *os.File goes out by sendfile
}

// missing answers for a path that is well formed but leads nowhere.
func (h *Handler) missing(w http.ResponseWriter, r *http.Request) {
	if h.options.Fallback == "" || !isNavigation(r) {
		h.notFound(w, r)
		return
	}
	f, err := h.source.open(r.Context(), h.options.Fallback, wantsAll(r))
	if err != nil {
		h.log.Error("static fallback", "file", h.options.Fallback, "error", err)
		h.notFound(w, r)
		return
	}
	defer f.Close()
	h.serve(w, r, f, h.options.Fallback)
}

// notFound answers with the site's own page if it has one.
func (h *Handler) notFound(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	f, err := h.source.open(r.Context(), h.options.ErrorDocument, r.Method == http.MethodGet)
	if err != nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	defer f.Close()
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", cmp.Or(f.header.Get("Content-Type"), contentType(h.options.ErrorDocument)))
	if encoding := f.header["Content-Encoding"]; encoding != nil {
		w.Header()["Content-Encoding"] = encoding
	}
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, f.ReadSeekCloser) // the client went away, or the disk failed: nothing can be said
	}
}

// statusClientGone is for the log alone: nobody reads the answer any more.
const statusClientGone = 499

// fail answers for a source in trouble.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	switch {
	case r.Context().Err() != nil:
		w.WriteHeader(statusClientGone)
		return
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
	case errors.Is(err, errBucket):
		status = http.StatusBadGateway
	}
	h.log.Error("static file", "error", err)
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, strings.ToLower(http.StatusText(status)), status)
}

// wantsAll reports whether the answer is likely to be the whole file: not a part
// of it, nor that it has not changed.
func wantsAll(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	for _, name := range []string{"Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	return true
}

// hasIndex reports whether a folder would have something to show.
func (h *Handler) hasIndex(r *http.Request, folder string) bool {
	f, err := h.source.open(r.Context(), folder+"/"+h.options.Index, false)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

// redirectToFolder adds the slash. It stays on the host: one slash begins the path,
// and an escaped path holds no backslash.
func redirectToFolder(w http.ResponseWriter, r *http.Request) {
	location := "/" + strings.TrimLeft(r.URL.EscapedPath(), "/") + "/"
	if r.URL.RawQuery != "" {
		location += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", location)
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusMovedPermanently)
}

// isNavigation reports whether a person looks at the answer, as a page.
func isNavigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
