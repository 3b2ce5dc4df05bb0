package admin

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Guard keeps strangers out.
type Guard interface {
	// Host lets requests through that come by a known host name.
	Host(next http.Handler) http.Handler
	// Protect lets requests through that also have the token.
	Protect(next http.Handler) http.Handler
}

// Options are what the handler works with. All but Reload are required.
type Options struct {
	// API serves /api/; the guard is put before it.
	API http.Handler
	// Reload serves POST /api/reload, behind the guard; nil means there is none.
	Reload http.Handler
	Guard  Guard
	Health *Health
	// Metrics are shown at /metrics.
	Metrics prometheus.Gatherer
}

// New returns the admin listener's handler.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	o.Health.register(mux)
	registerPage(mux, o.Guard)
	mux.Handle("/api/", o.Guard.Protect(o.API))
	if o.Reload != nil {
		mux.Handle("POST /api/reload", o.Guard.Protect(o.Reload))
	}
	mux.Handle("GET /metrics", o.Guard.Protect(promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{})))
	for pattern, f := range map[string]http.HandlerFunc{
		"/debug/pprof/":        pprof.Index,
		"/debug/pprof/cmdline": pprof.Cmdline,
		"/debug/pprof/profile": pprof.Profile,
		"/debug/pprof/symbol":  pprof.Symbol,
		"/debug/pprof/trace":   pprof.Trace,
	} {
		mux.Handle(pattern, o.Guard.Protect(f))
	}
	return mux
}
