package api

import (
	"context"
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
	// Pool is the one that the request is forwarded to, as its status call shows it.
	Pool *poolDocument `json:"pool,omitempty"`
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
	if name, ok := id.Pool(); ok {
		err = h.addPool(r.Context(), &answer, name)
	} else if id != "" {
		err = h.addSession(r.Context(), &answer, id)
	}
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, answer)
}

func (h *Handler) addPool(ctx context.Context, answer *explained, name string) error {
	report, err := h.poolRecords.PoolReport(ctx, name)
	if err != nil {
		return err
	}
	d := h.poolDocument(&report, time.Now())
	answer.Pool = &d
	return nil
}

func (h *Handler) addSession(ctx context.Context, answer *explained, id session.ID) error {
	report, err := h.sessions.Report(ctx, id)
	if errors.Is(err, session.ErrNotFound) {
		answer.NoSession = "there is no session " + string(id)
		return nil
	}
	if err != nil {
		return err
	}
	d := h.document(&report, time.Now())
	d.Log = report.Log
	answer.Session = &d
	return nil
}
