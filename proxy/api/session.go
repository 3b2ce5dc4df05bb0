package api

import (
	"net/http"
	"time"

	"github.com/webordinary/warmgate/session"
)

func (h *Handler) keepalive(w http.ResponseWriter, r *http.Request) error {
	return h.change(w, r, "session kept alive", func(id session.ID) (session.Session, error) {
		return h.sessions.Keepalive(r.Context(), id)
	})
}

func (h *Handler) deactivate(w http.ResponseWriter, r *http.Request) error {
	return h.change(w, r, "session deactivated", func(id session.ID) (session.Session, error) {
		return h.sessions.End(r.Context(), id, "deactivated by a management call")
	})
}

// change carries out f for the session that the path names.
func (h *Handler) change(
	w http.ResponseWriter, r *http.Request, event string, f func(session.ID) (session.Session, error),
) error {
	id, err := session.ParseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := decode(w, r, &struct{}{}); err != nil {
		return err
	}
	s, err := f(id)
	if err != nil {
		return err
	}
	h.record(r, event, &s)
	return encode(w, http.StatusOK, activated{SessionID: s.ID, Status: status(&s), TTL: s.ExpiresAt.Unix()})
}

// record writes the log line of a call that changed s.
func (h *Handler) record(r *http.Request, event string, s *session.Session, more ...any) {
	args := append([]any{"session_id", s.ID, "client_id", s.ClientID, "session_status", s.Status, "remote", r.RemoteAddr}, more...)
	h.logger.InfoContext(r.Context(), event, args...)
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
