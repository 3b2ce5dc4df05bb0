// Package static serves the files of a site: of a folder, by [NewFolder].
//
// Only what the folder holds is served, whatever a path or a symbolic link says;
// hidden files and listings never are.
package static

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
)

// Options of a [Handler].
type Options struct {
	// Fallback is the file that navigations to unknown paths get with status 200, for
	// single-page sites, for example "index.html". Empty means that they get the 404.
	Fallback string
	// CacheControl is the header's value in answers with status 200, 206 and 304.
	// Empty means "no-cache": browsers ask each time, and mostly get a 304.
	CacheControl string
}

const (
	indexFile    = "index.html"
	notFoundFile = "404.html"
)

// Handler serves one site. It is safe for concurrent use.
type Handler struct {
	source  source
	options Options
	log     *slog.Logger
}

var _ http.Handler = (*Handler)(nil)

func newHandler(s source, o Options, log *slog.Logger) (*Handler, error) {
	if o.Fallback != "" && !isName(o.Fallback) {
		return nil, errors.New("static: the fallback must be a path below the folder, without hidden parts")
	}
	if o.CacheControl == "" {
		o.CacheControl = "no-cache"
	}
	return &Handler{source: s, options: o, log: log}, nil
}

// Close frees the source. No request may be under way.
func (h *Handler) Close() error { return h.source.close() }

// ServeHTTP answers GET and HEAD, ranges and conditional requests included (RFC
// 9110 13 and 14), and everything else with 405.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name, isFolder, ok := fileName(r.URL.EscapedPath())
	if !ok {
		h.notFound(w, r)
		return
	}
	if isFolder {
		name = strings.TrimPrefix(name+"/"+indexFile, "/")
	}
	f, err := h.source.open(r.Context(), name)
	switch {
	case err == nil:
		defer f.Close()
		h.serve(w, r, f, name)
	case errors.Is(err, errFolder) && !isFolder && h.hasIndex(r, name):
		redirectToFolder(w, r)
	case errors.Is(err, errFolder) || errors.Is(err, fs.ErrNotExist):
		h.missing(w, r)
	default:
		h.fail(w, err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, f *file, name string) {
	header := w.Header()
	header.Set("Cache-Control", h.options.CacheControl)
	header.Set("Etag", f.etag)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", contentType(name))
	http.ServeContent(w, r, name, f.modified, f.ReadSeekCloser) // an *os.File goes out by sendfile
}

// missing answers for a path that is well formed but leads nowhere.
func (h *Handler) missing(w http.ResponseWriter, r *http.Request) {
	if h.options.Fallback == "" || !isNavigation(r) {
		h.notFound(w, r)
		return
	}
	f, err := h.source.open(r.Context(), h.options.Fallback)
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
	f, err := h.source.open(r.Context(), notFoundFile)
	if err != nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	defer f.Close()
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", contentType(notFoundFile))
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, f.ReadSeekCloser) // the client went away, or the disk failed: nothing can be said
	}
}

func (h *Handler) fail(w http.ResponseWriter, err error) {
	h.log.Error("static file", "error", err)
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "internal server error", http.StatusInternalServerError)
}

// hasIndex reports whether a folder would have something to show.
func (h *Handler) hasIndex(r *http.Request, folder string) bool {
	f, err := h.source.open(r.Context(), folder+"/"+indexFile)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

// redirectToFolder adds the slash. The path was judged by fileName: it begins with
// exactly one slash and holds no backslash, so it stays on the host.
func redirectToFolder(w http.ResponseWriter, r *http.Request) {
	location := r.URL.EscapedPath() + "/"
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
