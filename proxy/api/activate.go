package api

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/webordinary/warmgate/session"
)

// maxText bounds userId and threadId, in bytes.
const maxText = 256

// activation is the body of an activate call.
type activation struct {
	ClientID  string         `json:"clientId"`
	UserID    string         `json:"userId"`
	ThreadID  string         `json:"threadId"`
	SessionID string         `json:"sessionId"`
	Metadata  map[string]any `json:"metadata"`
	// Instruction is what the editing system is asked to do; it is kept in the
	// metadata.
	Instruction string `json:"instruction"`
	// Wake is true unless the first visit is to wake the session.
	Wake *bool  `json:"wake"`
	Pool string `json:"pool"`
}

// activated is the answer to an activation.
type activated struct {
	changed
	PreviewURL string `json:"previewUrl,omitempty"`
	// Cause tells why the session could not be woken although it exists.
	Cause string `json:"cause,omitempty"`
}

func (h *Handler) activate(w http.ResponseWriter, r *http.Request) error {
	var body activation
	if err := decode(w, r, &body); err != nil {
		return err
	}
	a, err := h.parse(body)
	if err != nil {
		return err
	}
	s, created, err := h.sessions.Activate(r.Context(), a)
	if err != nil && s.ID == "" {
		return err
	}
	answer := activated{changed: change(&s), PreviewURL: h.previewURL(&s)}
	// The session exists though it could not be woken: its first visit tries
	// again. The caller needs its id.
	if err != nil {
		answer.Cause = err.Error()
		h.logger.WarnContext(r.Context(), "session could not be woken", "session_id", s.ID, "error", err)
	}
	h.logger.InfoContext(r.Context(), "session activated", facts(r, &s), slog.Bool("created", created))
	code := http.StatusOK
	if created {
		code = http.StatusCreated
	}
	return encode(w, code, answer)
}

// parse checks the body.
func (h *Handler) parse(b activation) (session.Activation, error) {
	a := session.Activation{
		UserID: b.UserID, ThreadID: b.ThreadID, Pool: b.Pool, Metadata: b.Metadata,
		Asleep: b.Wake != nil && !*b.Wake,
	}
	var err error
	if a.ClientID, err = session.ParseClientID(b.ClientID); err != nil {
		return a, err
	}
	if b.SessionID != "" {
		if a.ID, err = parseNewID(b.SessionID); err != nil {
			return a, err
		}
	}
	if b.UserID == "" {
		return a, &session.InvalidError{Field: "userId", Reason: "is missing"}
	}
	for field, value := range map[string]string{"userId": b.UserID, "threadId": b.ThreadID} {
		if err := checkText(field, value); err != nil {
			return a, err
		}
	}
	if b.Pool != "" && !slices.Contains(h.pools, b.Pool) {
		return a, &session.InvalidError{Field: "pool", Reason: fmt.Sprintf("%q does not exist", b.Pool)}
	}
	if b.Instruction != "" {
		a.Metadata = maps.Clone(b.Metadata)
		if a.Metadata == nil {
			a.Metadata = map[string]any{}
		}
		a.Metadata["instruction"] = b.Instruction
	}
	return a, nil
}

// parseNewID refuses the one id whose status no path could name.
func parseNewID(s string) (session.ID, error) {
	if s == clientSegment {
		return "", &session.InvalidError{Field: "sessionId", Reason: "is a reserved word"}
	}
	return session.ParseID(s)
}

func checkText(field, value string) error {
	if len(value) > maxText {
		return &session.InvalidError{Field: field, Reason: fmt.Sprintf("is longer than %d bytes", maxText)}
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return &session.InvalidError{Field: field, Reason: "holds a control character"}
	}
	return nil
}
