package session

import (
	"strings"
	"time"
)

// poolPrefix begins the id of a pool's own record. No session's id has a slash.
const poolPrefix = "pool/"

// PoolID returns the id of a pool's own record. A pool that forward rules use is
// woken, served and put to sleep like a session, by a record like a session's; it
// is listed with none, and its life does not end.
func PoolID(pool string) ID { return ID(poolPrefix + pool) }

// Pool returns the pool whose own record has this id. ok is false for a session's.
func (id ID) Pool() (name string, ok bool) {
	return strings.CutPrefix(string(id), poolPrefix)
}

// NewPoolRecord returns the record of a pool that was not woken yet.
func NewPoolRecord(pool string, now time.Time) Session {
	now = now.UTC().Truncate(time.Millisecond)
	return Session{
		ID: PoolID(pool), ClientID: ClientID(PoolID(pool)), // no client has this id, either
		Status: Inactive, Pool: pool, Generation: 1, CreatedAt: now,
		ExpiresAt: time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC),
		LastHuman: now, LastVisit: now,
	}
}
