package api

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/webordinary/warmgate/session"
)

func (h *Handler) keepalive(w http.ResponseWriter, r *http.Request) error {
	id, err := subject(w, r)
	if err != nil {
		return err
	}
	s, err := h.sessions.Keepalive(r.Context(), id)
	if err != nil {
		return err
	}
	h.logger.InfoContext(r.Context(), "session kept alive", facts(r, &s))
	return encode(w, http.StatusOK, change(&s))
}

func (h *Handler) deactivate(w http.ResponseWriter, r *http.Request) error {
	id, err := subject(w, r)
	if err != nil {
		return err
	}
	s, err := h.sessions.End(r.Context(), id, "deactivated by a management call")
	if err != nil {
		return err
	}
	h.logger.InfoContext(r.Context(), "session deactivated", facts(r, &s))
	return encode(w, http.StatusOK, change(&s))
}

// subject returns the session that the path of a call without arguments names.
func subject(w http.ResponseWriter, r *http.Request) (session.ID, error) {
	id, err := session.ParseID(r.PathValue("id"))
	if err != nil {
		return "", err
	}
	return id, decode(w, r, &struct{}{})
}

// changed is the answer to a call that changes a session.
type changed struct {
	SessionID session.ID     `json:"sessionId"`
	Status    session.Status `json:"status"`
	// TTL is when the session is over, in seconds since 1970.
	TTL int64 `json:"ttl"`
}

func change(s *session.Session) changed {
	return changed{SessionID: s.ID, Status: status(s), TTL: s.ExpiresAt.Unix()}
}

// facts are what the log line of a call that changed s says.
func facts(r *http.Request, s *session.Session) slog.Attr {
	return slog.Group("",
		"session_id", s.ID, "client_id", s.ClientID, "session_status", status(s), "remote", r.RemoteAddr)
}

// status is the stored one, unless the TTL has passed and nobody wrote it down
// yet.
func status(s *session.Session) session.Status {
	if !s.Status.Ended() && s.Over(time.Now()) {
		return session.Expired
	}
	return s.Status
}

func (h *Handler) status(w http.ResponseWriter, r *http.Request, name string) error {
	id, err := session.ParseID(name)
	if err != nil {
		return err
	}
	report, err := h.sessions.Report(r.Context(), id)
	if err != nil {
		return err
	}
	d := h.document(&report, time.Now())
	d.Log = report.Log
	return encode(w, http.StatusOK, d)
}
