package api

import (
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/webordinary/warmgate/session"
)

const (
	// clientSegment stands in the path in place of a session's id.
	clientSegment = "client"
	statusSegment = "status"

	defaultLimit = 100
	maxLimit     = 1000
)

// clientOrStatus serves client/{clientId} and {id}/status.
func (h *Handler) clientOrStatus(w http.ResponseWriter, r *http.Request) error {
	first, second := r.PathValue("id"), r.PathValue("second") // named for what the first mostly is
	switch {
	case first == clientSegment:
		client, err := session.ParseClientID(second)
		if err != nil {
			return err
		}
		return h.page(w, r, h.sessions.ByClient(r.Context(), client))
	case second == statusSegment:
		return h.status(w, r, first)
	}
	return &statusError{http.StatusNotFound, "The management API has no such path."}
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	return h.page(w, r, h.sessions.All(r.Context()))
}

// page answers with the reports from offset on, at most limit of them, as an
// array. A Link header names the next page (RFC 8288); it is absent on the last.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, reports iter.Seq2[session.Report, error]) error {
	query := r.URL.Query()
	limit, err := number(query, "limit", defaultLimit, 1, maxLimit)
	if err != nil {
		return err
	}
	offset, err := number(query, "offset", 0, 0, 1<<30)
	if err != nil {
		return err
	}
	documents := []document{}
	now, i := time.Now(), 0
	for report, err := range reports {
		if err != nil {
			return err
		}
		if i++; i <= offset {
			continue
		}
		if len(documents) == limit {
			next := url.Values{"limit": {strconv.Itoa(limit)}, "offset": {strconv.Itoa(offset + limit)}}
			w.Header().Set("Link", fmt.Sprintf(`<?%s>; rel="next"`, next.Encode()))
			break
		}
		documents = append(documents, h.document(&report, now))
	}
	return encode(w, http.StatusOK, documents)
}

func number(query url.Values, name string, or, least, most int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return or, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, &session.InvalidError{Field: name, Reason: fmt.Sprintf("must be a number from %d to %d", least, most)}
	}
	return n, nil
}
