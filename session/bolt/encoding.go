package bolt

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/session"
)

// record is a session as it is stored. Metadata stays as it was encoded first:
// no change rewrites it.
type record struct {
	ID              session.ID       `json:"id"`
	ClientID        session.ClientID `json:"clientId"`
	UserID          string           `json:"userId,omitempty"`
	ThreadID        string           `json:"threadId,omitempty"`
	Status          session.Status   `json:"status"`
	Pool            string           `json:"pool,omitempty"`
	Generation      int64            `json:"generation,omitempty"`
	Target          target           `json:"target,omitzero"`
	Cause           string           `json:"cause,omitempty"`
	CreatedAt       time.Time        `json:"createdAt,omitzero"`
	ExpiresAt       time.Time        `json:"expiresAt,omitzero"`
	LastActivity    session.Activity `json:"lastActivity,omitzero"`
	LastHuman       time.Time        `json:"lastHuman,omitzero"`
	LastVisit       time.Time        `json:"lastVisit,omitzero"`
	AwakeSince      time.Time        `json:"awakeSince,omitzero"`
	BackgroundWoken bool             `json:"backgroundWoken,omitempty"`
	Metadata        json.RawMessage  `json:"metadata,omitempty"`
}

type target struct {
	TaskID string         `json:"taskId"`
	Addr   string         `json:"addr,omitempty"`
	Ports  map[int]string `json:"ports,omitempty"`
}

func (t target) IsZero() bool { return t.TaskID == "" && t.Addr == "" && len(t.Ports) == 0 }

// encode returns s as it is stored, with the metadata given.
func encode(s *session.Session, metadata json.RawMessage) ([]byte, error) {
	b, err := json.Marshal(record{
		ID: s.ID, ClientID: s.ClientID, UserID: s.UserID, ThreadID: s.ThreadID,
		Status: s.Status, Pool: s.Pool, Generation: s.Generation, Target: target(s.Target), Cause: s.Cause,
		CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, LastActivity: s.LastActivity,
		LastHuman: s.LastHuman, LastVisit: s.LastVisit,
		AwakeSince: s.AwakeSince, BackgroundWoken: s.BackgroundWoken, Metadata: metadata,
	})
	if err != nil {
		return nil, &session.InvalidError{Field: "session", Reason: "cannot be stored: " + err.Error()}
	}
	return b, nil
}

// encodeMetadata returns the caller's object as JSON; nil if there is none.
func encodeMetadata(metadata map[string]any) (json.RawMessage, error) {
	if len(metadata) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(metadata)
	if err != nil {
		return nil, &session.InvalidError{Field: "metadata", Reason: "is no JSON: " + err.Error()}
	}
	return b, nil
}

// decode returns a stored session and its metadata as stored.
func decode(b []byte) (session.Session, json.RawMessage, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return session.Session{}, nil, fmt.Errorf("the record is damaged: %w", err)
	}
	s := session.Session{
		ID: r.ID, ClientID: r.ClientID, UserID: r.UserID, ThreadID: r.ThreadID,
		Status: canonical(r.Status), Pool: r.Pool, Generation: r.Generation, Target: session.Target(r.Target), Cause: r.Cause,
		CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, LastActivity: r.LastActivity,
		LastHuman: r.LastHuman, LastVisit: r.LastVisit,
		AwakeSince: r.AwakeSince, BackgroundWoken: r.BackgroundWoken,
	}
	if len(r.Metadata) > 0 {
		if err := json.Unmarshal(r.Metadata, &s.Metadata); err != nil {
			return session.Session{}, nil, fmt.Errorf("the metadata is damaged: %w", err)
		}
	}
	return s, r.Metadata, nil
}

// canonical returns the constant that equals a status, so that the many records
// in a cache share its bytes.
func canonical(s session.Status) session.Status {
	for _, known := range session.Statuses() {
		if s == known {
			return known
		}
	}
	return s
}
