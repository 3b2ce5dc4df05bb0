package proxy

import (
	"errors"
	"net/http"

	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/warming"
	"github.com/webordinary/warmgate/session"
)

// fail answers with what err means: a page for navigations, problem+json for
// everybody else.
func (x *exchange) fail(err error) { x.problem(problem.From(err), err) }

// refuse answers a request that no rule has seen.
func (x *exchange) refuse(status int, err error) {
	p := problem.From(err)
	if p.Status != status {
		p = problem.New(status, p.Detail)
	}
	if status == http.StatusMethodNotAllowed {
		x.w.Header().Set("Allow", allowedMethods)
	}
	x.problem(p, err)
}

func (x *exchange) problem(p problem.Problem, cause error) {
	x.line.reason(cause)
	if p.Gone() {
		x.line.clientGone()
		return
	}
	p.RequestID = x.line.RequestID
	if x.class == classNavigation {
		x.h.problems.Write(x.w, x.r, p)
		return
	}
	problem.WriteJSON(x.w, x.r, p)
}

// gone answers for a session that is over or unknown; the two look the same.
func (x *exchange) gone(err error) {
	if x.settings.Gone != "" && x.class == classNavigation {
		x.line.reason(err)
		x.redirect(http.StatusFound, x.settings.Gone)
		return
	}
	x.fail(err)
}

// attemptFailed answers when an attempt to forward got no answer.
func (x *exchange) attemptFailed(what failure, err error) {
	x.closeUnlessRead()
	switch what {
	case failureClientGone:
		x.line.clientGone()
	case failureRequest:
		if err := x.body.mistake(); errors.Is(err, errStalledBody) {
			x.refuse(http.StatusRequestTimeout, err)
		} else {
			x.fail(err)
		}
	default:
		x.problem(problem.FromUpstream(err), err)
	}
}

// redirect answers with a Location that is a path on this host or configured.
func (x *exchange) redirect(status int, location string) {
	x.w.Header().Set("Location", location)
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.WriteHeader(status)
}

func (x *exchange) view(b *session.Backend) warming.View {
	base, ok := x.pageBase()
	return warming.View{SessionID: x.live.ID(), Base: base, Mute: !ok, Backend: b, RequestID: x.line.RequestID}
}

func (x *exchange) warmingPage(b *session.Backend) { x.h.pages.Warming(x.w, x.r, x.view(b)) }

func (x *exchange) failedPage(b *session.Backend, err error) {
	x.line.reason(err)
	x.h.pages.Failed(x.w, x.r, x.view(b), problem.From(err).Status)
}

func (x *exchange) card() { x.h.pages.Card(x.w, x.r, isPrefetch(x.r)) }

// serveInternal serves Warmgate's own folder below the session's prefix.
func (x *exchange) serveInternal(name string) {
	x.class = classFetch // never a page: these answers are for the warming page's script
	switch {
	case name == "events" && x.r.Method == http.MethodGet:
		x.h.pages.Events(x.w, x.r, x.live)
	case name == "status" && x.r.Method == http.MethodGet:
		x.h.pages.Status(x.w, x.r, x.live)
	case name == "wake" && x.r.Method == http.MethodPost:
		x.serveRetry()
	default:
		x.fail(session.ErrNotFound)
	}
}

// serveRetry wakes at a person's wish (a form of the error page) and goes back
// to the page that was asked for.
func (x *exchange) serveRetry() {
	if o := x.r.Header.Get("Origin"); o != "" && !sameOrigin(o, x.r.Host) || x.r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		x.refuse(http.StatusForbidden, &session.InvalidError{Field: "Origin", Reason: "is another site's"})
		return
	}
	x.r.Body = http.MaxBytesReader(x.w, x.r.Body, 16<<10)
	x.class = classNavigation
	if b, _ := x.live.Backend(); b.Phase == session.PhaseAsleep || b.Phase == session.PhaseFailed {
		if err := x.wakeAs(session.Navigation, false); err != nil && !errors.Is(err, session.ErrConflict) {
			x.notWoken(err)
			return
		}
	}
	x.redirect(http.StatusSeeOther, warming.ReturnTo(x.r, x.identity.Prefix))
}
