package session

import (
	"errors"
	"time"
)

// Clocks are the limits that decide how long a session lives and stays awake.
// All decisions are pure functions of a record and a given time.
type Clocks struct {
	// TTL is the life after the last activity. Zero means 30 minutes.
	TTL time.Duration
	// IdleTimeout is the time awake after the last activity. Zero means 5 minutes.
	IdleTimeout time.Duration
	// TouchInterval is the window in which at most one TTL write is made per
	// session. Zero means 30 seconds.
	TouchInterval time.Duration
	// PresenceLimit is how long traffic and open sockets keep a session awake
	// after the last human sign. Zero means 15 minutes.
	PresenceLimit time.Duration
	// AwakeLimit is how long anything but a visit keeps a session awake. Zero
	// means 12 hours.
	AwakeLimit time.Duration
	// EndOnIdle ends an idle session instead of putting it to sleep.
	EndOnIdle bool
	// Skew is how far the clocks of two replicas may differ. Whatever takes
	// something away from a session, its life or its time awake, waits so much
	// longer; nothing else does. Zero means that one clock stamps all records.
	Skew time.Duration
	// Pools has the idle timeouts of the pools that forward rules use, by name. One
	// that it does not name stays awake; see [Clocks.Of].
	Pools map[string]time.Duration
	// StayAwake: it never falls asleep by itself.
	StayAwake bool
}

// WithDefaults returns c with its zero values replaced.
func (c Clocks) WithDefaults() Clocks {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&c.TTL, 30 * time.Minute},
		{&c.IdleTimeout, 5 * time.Minute},
		{&c.TouchInterval, 30 * time.Second},
		{&c.PresenceLimit, 15 * time.Minute},
		{&c.AwakeLimit, 12 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	return c
}

// Validate reports every clock that contradicts another as [*InvalidError]s.
// It expects the defaults to be filled in.
func (c Clocks) Validate() error {
	var errs []error
	invalid := func(field, reason string) {
		errs = append(errs, &InvalidError{Field: field, Reason: reason})
	}
	for _, clock := range []struct {
		field string
		value time.Duration
	}{
		{"ttl", c.TTL},
		{"idle_timeout", c.IdleTimeout},
		{"touch_interval", c.TouchInterval},
		{"presence_limit", c.PresenceLimit},
		{"awake_limit", c.AwakeLimit},
		{"skew", c.Skew},
	} {
		if clock.value < 0 {
			invalid(clock.field, "is negative")
		}
	}
	if c.IdleTimeout >= c.TTL {
		invalid("idle_timeout", "must be shorter than ttl: a session that is over cannot sleep")
	}
	if c.TouchInterval*2 > c.TTL {
		invalid("touch_interval", "must be at most half of ttl: a session in use would end between two extensions")
	}
	if c.PresenceLimit < c.IdleTimeout {
		invalid("presence_limit", "must not be shorter than idle_timeout")
	}
	for pool, timeout := range c.Pools {
		if timeout < 0 {
			invalid("pools."+pool, "is negative")
		}
	}
	if c.AwakeLimit < c.IdleTimeout {
		invalid("awake_limit", "must not be shorter than idle_timeout")
	}
	return errors.Join(errs...)
}

// Of returns the clocks for the record with this id: a session's are c; a pool's
// own has the pool's idle timeout, and no other limit to its time awake.
func (c Clocks) Of(id ID) Clocks {
	pool, ok := id.Pool()
	if !ok {
		return c
	}
	const unlimited = 100 * 365 * 24 * time.Hour
	c.IdleTimeout = c.Pools[pool]
	c.StayAwake = c.IdleTimeout == 0
	c.AwakeLimit, c.EndOnIdle = unlimited, false
	return c
}

// Counts reports whether an activity of this kind at this time resets the idle
// timeout: a human sign always does, anything else only within the presence
// limit of the last human sign.
func (c Clocks) Counts(a Activity, lastHuman time.Time) bool {
	return a.Kind.Human() || a.At.Sub(lastHuman) <= c.PresenceLimit
}

// awakeUntil returns how long an activity alone keeps a session awake.
func (c Clocks) awakeUntil(a Activity, lastHuman time.Time) time.Time {
	at := a.At.Add(c.IdleTimeout)
	if end := lastHuman.Add(c.PresenceLimit); a.Kind == Presence && end.Before(at) {
		return end
	}
	return at
}

// prolongs reports whether a keeps a session awake longer than last does.
func (c Clocks) prolongs(a, last Activity, lastHuman time.Time) bool {
	return c.awakeUntil(a, lastHuman).After(c.awakeUntil(last, lastHuman))
}

// SleepAt returns when an awake session is to sleep if nothing more happens.
// present tells that a socket or response of it is open on this replica;
// another replica's shows as a last activity of kind [Presence].
func (c Clocks) SleepAt(s *Session, present bool) time.Time {
	at := c.awakeUntil(s.LastActivity, s.LastHuman)
	if present {
		at = latest(at, s.LastHuman.Add(c.PresenceLimit))
	}
	at = latest(at, s.AwakeSince.Add(c.IdleTimeout))
	if limit := latest(s.LastVisit, s.AwakeSince).Add(c.AwakeLimit); limit.Before(at) {
		return limit
	}
	return at
}

// Verdict is what the clocks say about a session.
type Verdict int

// The verdicts.
const (
	// Keep: leave it as it is.
	Keep Verdict = iota
	// GoToSleep: it is idle; put it to sleep.
	GoToSleep
	// GoToEnd: it is idle and EndOnIdle is set.
	GoToEnd
	// GoToExpire: its TTL has passed.
	GoToExpire
)

// Over reports whether the session is over by now, whichever replica's clock has
// stamped its record.
func (c Clocks) Over(s *Session, now time.Time) bool { return s.Over(now.Add(-c.Skew)) }

// Decide returns what is to be done with a session at now. Ended sessions are
// kept: their end is somebody's job already.
func (c Clocks) Decide(s *Session, present bool, now time.Time) Verdict {
	now = now.Add(-c.Skew)
	switch {
	case s.Status.Ended():
		return Keep
	case !s.ExpiresAt.After(now):
		return GoToExpire
	case !s.Status.Awake() || c.StayAwake || c.SleepAt(s, present).After(now):
		return Keep
	case c.EndOnIdle:
		return GoToEnd
	}
	return GoToSleep
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
