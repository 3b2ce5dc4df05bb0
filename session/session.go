package session

import (
	"maps"
	"slices"
	"time"
)

// Session is the stored record. Values are plain data: copy freely, do not
// change Metadata or Target.Ports in place (they may be shared by copies).
// Times are UTC with millisecond precision at least; zero means never.
type Session struct {
	ID       ID
	ClientID ClientID
	UserID   string
	// ThreadID is the conversation that the session belongs to; may be empty.
	ThreadID string
	Status   Status
	// Pool is the configured pool's name that starts its tasks.
	Pool string
	// Generation counts starts, from 1 at creation. A write that concerns one
	// start names it, so that a late one cannot touch the next start.
	Generation int64
	// Target is the assignment: where requests go. Zero when none is assigned.
	Target Target
	// Cause tells why Status is Error, for people.
	Cause string

	CreatedAt time.Time
	// ExpiresAt is the TTL: from then on the session is over.
	ExpiresAt time.Time
	// LastActivity is the newest activity that counted, with its kind.
	LastActivity Activity
	// LastHuman is the newest human sign, LastVisit the newest navigation or
	// management call.
	LastHuman time.Time
	LastVisit time.Time
	// AwakeSince is when it was last woken, or became ready after that.
	AwakeSince time.Time
	// BackgroundWoken: a background request has woken it since the last visit;
	// it may not do so again.
	BackgroundWoken bool

	// Metadata is the caller's own JSON object, kept as it is.
	Metadata map[string]any
}

// Target is an address that serves a session, bound to the identity of the task
// behind it: addresses are reused, task identities are not.
type Target struct {
	// TaskID is the task's identity (ARN, process marker).
	TaskID string
	// Addr is host:port of the pool's main port.
	Addr string
	// Ports has host:port of the task's other ports, by the port's configured
	// number; nil if there are none.
	Ports map[int]string
}

// IsZero reports whether no task is assigned.
func (t Target) IsZero() bool { return t.TaskID == "" }

// Address returns host:port for the configured port number; 0 means the main
// port. ok is false if the task has no such port.
func (t Target) Address(port int) (addr string, ok bool) {
	if port == 0 {
		return t.Addr, t.Addr != ""
	}
	addr, ok = t.Ports[port]
	return addr, ok
}

// Over reports whether the session is over at now: ended, or its TTL has passed.
func (s *Session) Over(now time.Time) bool {
	return s.Status.Ended() || !s.ExpiresAt.After(now)
}

// record applies an activity to the record; times never move backwards.
func (s *Session) record(a Activity) {
	if a.At.After(s.LastActivity.At) {
		s.LastActivity = a
	}
	if a.Kind.Human() && a.At.After(s.LastHuman) {
		s.LastHuman = a.At
	}
	if a.Kind.Visit() {
		s.visited(a.At)
	}
}

// visited records a visit; one that is older than the last changes nothing.
func (s *Session) visited(at time.Time) {
	if at.After(s.LastVisit) {
		s.LastVisit, s.BackgroundWoken = at, false
	}
}

// Validate reports why no store may keep s, as an [*InvalidError]: its ids or its
// status are not valid.
func (s *Session) Validate() error {
	if _, err := ParseID(string(s.ID)); err != nil {
		return err
	}
	if _, err := ParseClientID(string(s.ClientID)); err != nil {
		return err
	}
	if !s.Status.Valid() {
		return &InvalidError{Field: "status", Reason: "is no known status"}
	}
	return nil
}

// UTC returns s with its times as stores keep them: in UTC, without a reading of
// the monotonic clock.
func (s Session) UTC() Session {
	for _, t := range []*time.Time{
		&s.CreatedAt, &s.ExpiresAt, &s.LastActivity.At, &s.LastHuman, &s.LastVisit, &s.AwakeSince,
	} {
		*t = t.UTC().Round(0)
	}
	return s
}

// Clone returns a copy that shares nothing with s.
func (s Session) Clone() Session {
	s.Metadata = cloneObject(s.Metadata)
	s.Target.Ports = maps.Clone(s.Target.Ports)
	return s
}

// cloneObject copies a JSON object with everything below it.
func cloneObject(o map[string]any) map[string]any {
	o = maps.Clone(o)
	for key, value := range o {
		o[key] = cloneValue(value)
	}
	return o
}

func cloneValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		return cloneObject(value)
	case []any:
		list := slices.Clone(value)
		for i := range list {
			list[i] = cloneValue(list[i])
		}
		return list
	}
	return value
}
