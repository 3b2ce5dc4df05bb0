package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Question is the body of an explain call: a request that is not made.
type Question struct {
	Method string `json:"method"`
	// URL is absolute, or a path on the public URL's host.
	URL    string      `json:"url"`
	Header http.Header `json:"header,omitempty"`
	// Source is the address that it would come from; empty for a loopback address.
	Source string `json:"source,omitempty"`
}

// explained is the answer to an explain call.
type explained struct {
	Explanation any `json:"explanation"`
	// Session is the one that the request names, as its status call shows it.
	Session *document `json:"session,omitempty"`
	// NoSession says why there is none although the request names one.
	NoSession string `json:"noSession,omitempty"`
}

func (h *Handler) explainRequest(w http.ResponseWriter, r *http.Request) error {
	if h.explain == nil {
		return &statusError{http.StatusNotFound, "There are no rules to explain here."}
	}
	var q Question
	if err := decode(w, r, &q); err != nil {
		return err
	}
	explanation, id, err := h.explain(q)
	if err != nil {
		return err
	}
	answer := explained{Explanation: explanation}
	if id != "" {
		report, err := h.sessions.Report(r.Context(), id)
		switch {
		case errors.Is(err, session.ErrNotFound):
			answer.NoSession = "there is no session " + string(id)
		case err != nil:
			return err
		default:
			d := h.document(&report, time.Now())
			d.Log = report.Log
			answer.Session = &d
		}
	}
	return encode(w, http.StatusOK, answer)
}
