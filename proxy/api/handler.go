package api

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/session"
)

// Sessions are the use cases behind the API; [*session.Manager] has them.
type Sessions interface {
	Activate(ctx context.Context, a session.Activation) (s session.Session, created bool, err error)
	Keepalive(ctx context.Context, id session.ID) (session.Session, error)
	End(ctx context.Context, id session.ID, cause string) (session.Session, error)
	Report(ctx context.Context, id session.ID) (session.Report, error)
	ByClient(ctx context.Context, client session.ClientID) iter.Seq2[session.Report, error]
	All(ctx context.Context) iter.Seq2[session.Report, error]
}

var _ Sessions = (*session.Manager)(nil)

// Options are what a [Handler] works with.
type Options struct {
	// Sessions is required.
	Sessions Sessions
	// Pools are the names that a caller may give for a session's pool; none
	// means that a caller may not choose.
	Pools []string
	// ForwardPools names the pools that forward rules use, which PoolRecords deals
	// with; nil if there are none.
	ForwardPools func() []string
	PoolRecords  Pools
	// PreviewURL returns where a browser sees the session; "" if nowhere. Nil
	// means nowhere for all.
	PreviewURL func(s *session.Session) string
	// Explain says what would happen to a request, and which session it names or
	// which pool it is forwarded to, if any; *session.InvalidError for a question that makes no request. Nil means
	// that there is nothing to explain.
	Explain func(q Question) (explanation any, id session.ID, err error)
	// Logger takes a line for each call that changes something; nil means none.
	Logger *slog.Logger
}

// Handler is the management API, open to everybody who reaches it: put a
// [Guard] before it. Safe for concurrent use.
type Handler struct {
	sessions Sessions
	pools    []string
	// forwardPools and poolRecords are those of Options.
	forwardPools func() []string
	poolRecords  Pools
	previewURL   func(s *session.Session) string
	explain      func(q Question) (any, session.ID, error)
	logger       *slog.Logger
	mux          *http.ServeMux
}

// New returns a Handler.
func New(o Options) *Handler {
	h := &Handler{
		sessions: o.Sessions, pools: slices.Clone(o.Pools), previewURL: o.PreviewURL,
		explain: o.Explain, logger: o.Logger,
		mux: http.NewServeMux(),
	}
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	if h.previewURL == nil {
		h.previewURL = func(*session.Session) string { return "" }
	}
	h.forwardPools, h.poolRecords = o.ForwardPools, o.PoolRecords
	if h.forwardPools == nil {
		h.forwardPools = func() []string { return nil }
	}
	h.handle(http.MethodGet, "/api/pools", h.listPools)
	h.handle(http.MethodGet, "/api/pools/{pool}/status", h.poolStatus)
	h.handle(http.MethodPost, "/api/pools/{pool}/wake", h.wakePool)
	h.handle(http.MethodPost, "/api/sessions/activate", h.activate)
	h.handle(http.MethodGet, "/api/sessions", h.list)
	// One pattern for client/{clientId} and {id}/status: ServeMux finds that
	// neither is the more specific one.
	h.handle(http.MethodGet, "/api/sessions/{id}/{second}", h.clientOrStatus)
	h.handle(http.MethodPost, "/api/sessions/{id}/keepalive", h.keepalive)
	h.handle(http.MethodPost, "/api/sessions/{id}/deactivate", h.deactivate)
	h.handle(http.MethodPost, "/api/explain", h.explainRequest)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem.WriteJSON(w, r, problem.New(http.StatusNotFound, "The management API has no such path."))
	})
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	h.mux.ServeHTTP(w, r)
}

// handle serves one method at the pattern; a function's error is written as a
// problem. Other methods get 405 (RFC 9110 15.5.6).
func (h *Handler) handle(method, pattern string, f func(http.ResponseWriter, *http.Request) error) {
	allowed := []string{method}
	if method == http.MethodGet {
		allowed = append(allowed, http.MethodHead)
	}
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(allowed, r.Method) {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			problem.WriteJSON(w, r, problem.New(http.StatusMethodNotAllowed, "This path takes "+method+"."))
			return
		}
		if err := f(w, r); err != nil {
			h.fail(w, r, err)
		}
	})
}

// fail answers with the problem that err is. Callers are authorised: they learn
// what the public does not.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.From(err)
	switch known, ok := errors.AsType[*statusError](err); {
	case ok:
		p = problem.New(known.status, known.detail)
	case errors.Is(err, session.ErrNotFound):
		p.Detail = "There is no session " + r.PathValue("id") + "."
	case errors.Is(err, session.ErrExpired):
		p.Detail = "The session has ended."
	case errors.Is(err, session.ErrConflict):
		p.Detail = strings.TrimSuffix(p.Detail, ": "+session.ErrConflict.Error()+".") + "."
	case p.Status >= http.StatusInternalServerError:
		h.logger.WarnContext(r.Context(), "management call failed", "method", r.Method, "status", p.Status, "error", err)
	}
	problem.WriteJSON(w, r, p)
}

// statusError is a refusal with a status of its own.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string { return e.detail }
