package proxy

import (
	"net/http"
	"strconv"

	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

func (x *exchange) serveRedirect(action *route.Redirect) {
	port, _ := strconv.Atoi(x.origin.port)
	location, err := action.Location(&x.facts, x.origin.scheme(), port)
	if err != nil {
		x.fail(&session.InvalidError{Field: "redirect", Reason: err.Error()})
		return
	}
	x.w.Header().Set("Location", location)
	x.w.WriteHeader(action.Status())
}

func (x *exchange) serveFixed(action *route.FixedResponse) {
	header := x.w.Header()
	contentType := action.ContentType
	if contentType == "" {
		contentType = "text/plain; charset=utf-8"
	}
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(action.Body)))
	x.w.WriteHeader(action.StatusCode)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write([]byte(action.Body)) // the client may be gone
	}
}

func (x *exchange) serveManagement() {
	path, ok := x.rule.ManagementPath(x.facts.Path)
	if x.h.management == nil || !ok {
		problem.WriteJSON(x.w, x.r, problem.New(http.StatusNotFound, "There is no such call."))
		return
	}
	r := x.r.Clone(x.r.Context())
	setEscapedPath(r.URL, path)
	x.h.management.ServeHTTP(x.w, r)
}
