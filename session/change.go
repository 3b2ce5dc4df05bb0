package session

import (
	"fmt"
	"slices"
	"time"
)

// Change is one conditional write to a stored session: conditions first, then
// what is set. It is data, so that every kind of store can carry it out
// atomically (a transaction, or a condition and an update expression). Make it
// with the constructors in lifecycle.go.
type Change struct {
	// Name says what the change does, for error texts.
	Name string

	// Conditions. The record must exist. Zero values do not restrict.

	// From has the statuses it may have; empty means any that is not ended.
	From []Status
	// Generation it must have, if positive.
	Generation int64
	// AliveAt: its TTL must be after this.
	AliveAt time.Time
	// DeadAt: its TTL must not be after this.
	DeadAt time.Time
	// IdleSince: its last activity must not be after this.
	IdleSince time.Time
	// NotBackgroundWoken: BackgroundWoken must be false.
	NotBackgroundWoken bool

	// Writes. Zero values leave the stored value alone.

	// To is the new status.
	To Status
	// NextGeneration adds one to the generation.
	NextGeneration bool
	// Target is the new assignment; Unassign clears it.
	Target   Target
	Unassign bool
	// Cause replaces the cause whenever To is set (so it is cleared by default).
	Cause string
	// Activity is recorded: times move forward only.
	Activity Activity
	// LastHuman and LastVisit are recorded like Activity, for coalesced ones.
	LastHuman time.Time
	LastVisit time.Time
	// ExpiresAt is the new TTL; an earlier one than stored is ignored.
	ExpiresAt time.Time
	// AwakeSince marks the begin of an awake period.
	AwakeSince time.Time
	// SetBackgroundWoken sets BackgroundWoken (after Activity, which may clear it).
	SetBackgroundWoken bool
}

// Tolerating returns c with its conditions on the TTL as a clock sees them that
// is slow by skew: see [Clocks].Skew.
func (c Change) Tolerating(skew time.Duration) Change {
	for _, at := range []*time.Time{&c.AliveAt, &c.DeadAt} {
		if !at.IsZero() {
			*at = at.Add(-skew)
		}
	}
	return c
}

// Check returns nil if c may be applied to the stored session s, an error that
// wraps [ErrExpired] if s is over and the change needs a live one, and one that
// wraps [ErrConflict] otherwise.
func (c Change) Check(s *Session) error {
	conflict := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s: %w", c.Name, fmt.Sprintf(format, args...), ErrConflict)
	}
	switch {
	case len(c.From) == 0 && s.Status.Ended(),
		len(c.From) > 0 && s.Status.Ended() && !slices.Contains(c.From, s.Status),
		!c.AliveAt.IsZero() && !s.ExpiresAt.After(c.AliveAt):
		return fmt.Errorf("%s: %w", c.Name, ErrExpired)
	case len(c.From) > 0 && !slices.Contains(c.From, s.Status):
		return conflict("the session is %s", s.Status)
	case c.To != "" && c.To != s.Status && !Transition(s.Status, c.To):
		return conflict("%s to %s is no legal transition", s.Status, c.To)
	case c.Generation > 0 && c.Generation != s.Generation:
		return conflict("start %d is over, start %d is current", c.Generation, s.Generation)
	case !c.DeadAt.IsZero() && s.ExpiresAt.After(c.DeadAt):
		return conflict("the TTL was extended")
	case !c.IdleSince.IsZero() && s.LastActivity.At.After(c.IdleSince):
		return conflict("the session was used meanwhile")
	case c.NotBackgroundWoken && s.BackgroundWoken:
		return conflict("a background request has woken it already")
	}
	return nil
}

// Apply returns s as it is after c, or the error of [Change.Check].
func (c Change) Apply(s Session) (Session, error) {
	if err := c.Check(&s); err != nil {
		return Session{}, err
	}
	if c.To != "" {
		s.Status, s.Cause = c.To, c.Cause
	}
	if c.NextGeneration {
		s.Generation++
	}
	if c.Unassign {
		s.Target = Target{}
	}
	if !c.Target.IsZero() {
		s.Target = c.Target
	}
	if !c.Activity.At.IsZero() {
		s.record(c.Activity)
	}
	s.LastHuman = latest(s.LastHuman, c.LastHuman)
	s.visited(c.LastVisit)
	s.ExpiresAt = latest(s.ExpiresAt, c.ExpiresAt)
	s.AwakeSince = latest(s.AwakeSince, c.AwakeSince)
	if c.SetBackgroundWoken {
		s.BackgroundWoken = true
	}
	return s, nil
}
