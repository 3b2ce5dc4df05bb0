package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Pools are the use cases of pools that forward rules use; [*session.Manager] has
// them.
type Pools interface {
	PoolReport(ctx context.Context, pool string) (session.Report, error)
	WakePool(ctx context.Context, pool string) (session.Report, error)
}

var _ Pools = (*session.Manager)(nil)

// poolDocument is a pool that forward rules use, as the API shows it. Its members
// are those of a session's document.
type poolDocument struct {
	Pool           string               `json:"pool"`
	Status         session.Status       `json:"status"`
	Why            string               `json:"why"`
	Cause          string               `json:"cause,omitempty"`
	Phase          session.Phase        `json:"phase"`
	Start          *start               `json:"start,omitempty"`
	LastActivityAt time.Time            `json:"lastActivityAt,omitzero"`
	LastKind       session.ActivityKind `json:"lastActivityKind,omitempty"`
	AwakeSince     time.Time            `json:"awakeSince,omitzero"`
	SleepAt        time.Time            `json:"sleepAt,omitzero"`
	Target         *target              `json:"target,omitempty"`
	ContainerIP    string               `json:"containerIp,omitempty"`
	Open           open                 `json:"open"`
	Log            []string             `json:"log,omitempty"`
}

func (h *Handler) poolDocument(r *session.Report, now time.Time) poolDocument {
	d := h.document(r, now)
	return poolDocument{
		Pool: d.Pool, Status: d.Status, Why: d.Why, Cause: d.Cause, Phase: d.Phase, Start: d.Start,
		LastActivityAt: d.LastActivityAt, LastKind: d.LastActivityKind, AwakeSince: d.AwakeSince, SleepAt: d.SleepAt,
		Target: d.Target, ContainerIP: d.ContainerIP, Open: d.Open, Log: r.Log,
	}
}

// listPools answers with all pools that forward rules use.
func (h *Handler) listPools(w http.ResponseWriter, r *http.Request) error {
	documents := []poolDocument{}
	now := time.Now()
	for _, name := range h.forwardPools() {
		report, err := h.poolRecords.PoolReport(r.Context(), name)
		if err != nil {
			return err
		}
		d := h.poolDocument(&report, now)
		d.Log = nil
		documents = append(documents, d)
	}
	return encode(w, http.StatusOK, documents)
}

func (h *Handler) poolStatus(w http.ResponseWriter, r *http.Request) error {
	return h.onPool(w, r, h.poolRecords.PoolReport)
}

func (h *Handler) wakePool(w http.ResponseWriter, r *http.Request) error {
	if err := decode(w, r, &struct{}{}); err != nil {
		return err
	}
	return h.onPool(w, r, func(ctx context.Context, pool string) (session.Report, error) {
		report, err := h.poolRecords.WakePool(ctx, pool)
		if err == nil {
			h.logger.InfoContext(ctx, "pool woken", "pool", pool, "remote", r.RemoteAddr)
		}
		return report, err
	})
}

// onPool answers with the report that f gives on the pool that the path names.
func (h *Handler) onPool(
	w http.ResponseWriter, r *http.Request, f func(context.Context, string) (session.Report, error),
) error {
	name := r.PathValue("pool")
	if !slices.Contains(h.forwardPools(), name) {
		return &statusError{http.StatusNotFound, "No forward rule uses a pool of this name."}
	}
	report, err := f(r.Context(), name)
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, h.poolDocument(&report, time.Now()))
}
