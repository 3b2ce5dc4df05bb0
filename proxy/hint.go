package proxy

import (
	"net/http"

	"github.com/webordinary/warmgate/proxy/route"
)

// followHint sends a request that names no session, but comes from a page that
// does, back below that page's prefix: the safety net of path mode, for what its
// rewriting did not catch. 307 keeps method and body. It reports whether it has
// answered.
//
// The Referer only routes: whoever may open the session may ask for the same
// path below its prefix directly.
func (x *exchange) followHint() bool {
	referer := x.r.Header.Get("Referer")
	if referer == "" || x.class == classUpgrade {
		return false
	}
	page, rule, ok := x.routing.table.FromReferer(referer, &x.facts)
	if !ok || page.Prefix == "" {
		return false
	}
	if _, ok := rule.Action.(*route.Session); !ok {
		return false
	}
	x.line.rule(rule)
	x.counts = x.routing.counts[rule.Index()]
	x.line.Cold.Answer = "hint"
	x.h.metrics.escaped.WithLabelValues(destination(x.r)).Inc()
	header := x.w.Header()
	header.Set("Vary", "Referer")
	x.redirect(http.StatusTemporaryRedirect, withQuery(page.Prefix+x.facts.Path, x.facts.Query))
	return true
}

// destination is what the browser wants the answer for, as a bounded label.
func destination(r *http.Request) string {
	switch d := r.Header.Get("Sec-Fetch-Dest"); d {
	case "document", "iframe", "script", "style", "image", "font", "worker", "sharedworker", "serviceworker", "manifest", "audio", "video", "empty":
		return d
	case "":
		return "unknown"
	}
	return "other"
}
