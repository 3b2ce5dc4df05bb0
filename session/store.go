package session

import (
	"context"
	"iter"
)

// Store keeps sessions. Implementations are safe for concurrent use, apply each
// write atomically, and never lose an acknowledged one. Errors wrap
// [ErrNotFound], [ErrExpired], [ErrConflict], [*InvalidError] or, when nothing
// can be said now, [ErrUnavailable].
type Store interface {
	// Session returns the record as it is now (a consistent read), also when it
	// is over; ErrNotFound if there is none.
	Session(ctx context.Context, id ID) (Session, error)
	// Sessions returns those of ids that exist, in any order.
	Sessions(ctx context.Context, ids []ID) ([]Session, error)
	// Create stores a new record. ErrConflict if one with this id exists that
	// has not ended; an ended one is replaced.
	Create(ctx context.Context, s Session) error
	// Update applies c to the stored record and returns the record after it.
	// ErrNotFound if there is none; a change never creates one.
	Update(ctx context.Context, id ID, c Change) (Session, error)
	// Delete removes an ended record; ErrConflict if it has not ended, nil if
	// there is none.
	Delete(ctx context.Context, id ID) error
	// ByClient yields the client's sessions, newest first as far as the store
	// can tell; after an error it stops.
	ByClient(ctx context.Context, client ClientID) iter.Seq2[Session, error]
	// ByStatus yields the sessions that have one of the statuses, in any order.
	ByStatus(ctx context.Context, statuses ...Status) iter.Seq2[Session, error]
	// Ping reports whether the store can be reached.
	Ping(ctx context.Context) error
}

// Record is a small versioned value that is not a session: what the scaler
// remembers between runs, and what replicas agree on.
type Record struct {
	Value []byte
	// Version grows with each write; the first is 1.
	Version int64
}

// Records keeps small versioned values by key. Errors as for [Store].
type Records interface {
	// Record returns the value stored under key; ErrNotFound if there is none.
	Record(ctx context.Context, key string) (Record, error)
	// PutRecord stores value if the stored version is still version (0: there
	// must be none) and returns the new version; otherwise ErrConflict.
	PutRecord(ctx context.Context, key string, value []byte, version int64) (int64, error)
}
