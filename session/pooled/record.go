package pooled

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/session"
)

// record is a session.Session as it is stored.
type record struct {
	ID              session.ID       `json:"id"`
	ClientID        session.ClientID `json:"clientId"`
	UserID          string           `json:"userId,omitempty"`
	ThreadID        string           `json:"threadId,omitempty"`
	Status          session.Status   `json:"status"`
	Pool            string           `json:"pool,omitempty"`
	Generation      int64            `json:"generation,omitempty"`
	Target          session.Target   `json:"target,omitzero"`
	Cause           string           `json:"cause,omitempty"`
	CreatedAt       time.Time        `json:"createdAt,omitzero"`
	ExpiresAt       time.Time        `json:"expiresAt,omitzero"`
	LastActivity    session.Activity `json:"lastActivity,omitzero"`
	LastHuman       time.Time        `json:"lastHuman,omitzero"`
	LastVisit       time.Time        `json:"lastVisit,omitzero"`
	AwakeSince      time.Time        `json:"awakeSince,omitzero"`
	BackgroundWoken bool             `json:"backgroundWoken,omitempty"`
	Metadata        map[string]any   `json:"metadata,omitempty"`
}

// key is where the record is kept; other records' keys begin otherwise.
func key(id session.ID) string { return "forward/" + string(id) }

// load returns the record and the version to write on; ErrNotFound, with that
// version, if there is none. A deleted one is kept as an empty value.
func (s *Store) load(ctx context.Context, id session.ID) (session.Session, int64, error) {
	stored, err := s.records.Record(ctx, key(id))
	if err == nil && len(stored.Value) == 0 {
		err = fmt.Errorf("%s: %w", id, session.ErrNotFound)
	}
	if err != nil {
		return session.Session{}, stored.Version, err
	}
	var r record
	if err := json.Unmarshal(stored.Value, &r); err != nil {
		return session.Session{}, 0, fmt.Errorf("%s: the record is damaged: %w", id, err)
	}
	return session.Session(r), stored.Version, nil
}

// save stores n, or nothing if it is nil, in place of the version.
func (s *Store) save(ctx context.Context, id session.ID, n *session.Session, version int64) error {
	var value []byte
	if n != nil {
		var err error
		if value, err = json.Marshal(record(n.UTC())); err != nil {
			return &session.InvalidError{Field: "metadata", Reason: "is no JSON: " + err.Error()}
		}
	}
	_, err := s.records.PutRecord(ctx, key(id), value, version)
	return err
}
