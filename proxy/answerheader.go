package proxy

import (
	"net/http"

	"github.com/webordinary/warmgate/proxy/route"
)

// answerEditor changes the header of the rule's answers, as response_headers says.
// Those of an upstream are edited before (modifyResponse), so that path mode
// and compression see them as they will be.
type answerEditor struct {
	http.ResponseWriter
	rule *route.Rule
	// own: the proxy makes the answer by itself, and what it says stays.
	own  bool
	done bool
}

// editAnswers has the header of the answer edited on its way.
func (x *exchange) editAnswers() {
	if !x.rule.EditsResponse() || x.class == classUpgrade {
		return
	}
	e := &answerEditor{ResponseWriter: x.w, rule: x.rule, own: true}
	switch x.rule.Action.(type) {
	case *route.Static, *route.Redirect, *route.FixedResponse:
		e.own = false
	}
	x.w, x.editor = e, e
}

// editUpstreamAnswer edits the header of an upstream's answer.
func (x *exchange) editUpstreamAnswer(h http.Header) {
	x.rule.EditResponse(h)
	if x.editor != nil {
		x.editor.done = true
	}
}

// WriteHeader implements http.ResponseWriter.
func (e *answerEditor) WriteHeader(status int) {
	if status >= http.StatusOK && !e.done {
		e.done = true
		if e.own {
			e.rule.CompleteResponse(e.Header())
		} else {
			e.rule.EditResponse(e.Header())
		}
	}
	e.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (e *answerEditor) Write(p []byte) (int, error) {
	if !e.done {
		e.WriteHeader(http.StatusOK)
	}
	return e.ResponseWriter.Write(p)
}

// Unwrap serves http.ResponseController.
func (e *answerEditor) Unwrap() http.ResponseWriter { return e.ResponseWriter }
