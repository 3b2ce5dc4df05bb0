package session

import "time"

// Wake describes who wakes a sleeping session.
type Wake struct {
	// At and Kind of the activity that wakes it.
	Activity Activity
	// Background: a page's own request in a browser, not a person; allowed once
	// until the next visit.
	Background bool
}

// WakeChange makes an inactive or failed session wanted, as a new start: its old
// target, if any, is let go. generation is the one that the caller saw, so that
// of several wakes at once exactly one succeeds. ttl is the new life.
func WakeChange(generation int64, w Wake, ttl time.Duration) Change {
	return Change{
		Name: "wake", From: []Status{Inactive, Error}, Generation: generation, AliveAt: w.Activity.At,
		NotBackgroundWoken: w.Background,
		To:                 Initializing, NextGeneration: true, Unassign: true,
		Activity: w.Activity, ExpiresAt: w.Activity.At.Add(ttl), AwakeSince: w.Activity.At,
		SetBackgroundWoken: w.Background,
	}
}

// ResumeChange makes a session active again that went to sleep a moment ago and
// whose task is still there and not doomed: no new start.
func ResumeChange(generation int64, w Wake, ttl time.Duration) Change {
	return Change{
		Name: "resume", From: []Status{Inactive}, Generation: generation, AliveAt: w.Activity.At,
		NotBackgroundWoken: w.Background,
		To:                 Active,
		Activity:           w.Activity, ExpiresAt: w.Activity.At.Add(ttl), AwakeSince: w.Activity.At,
		SetBackgroundWoken: w.Background,
	}
}

// ReadyChange assigns a target that answers since now. The time awake begins with
// it: whoever waited for a long start has the whole idle timeout to come back.
func ReadyChange(generation int64, t Target, now time.Time) Change {
	return Change{
		Name: "ready", From: []Status{Initializing}, Generation: generation,
		To: Active, Target: t, AwakeSince: now,
	}
}

// FailChange ends a start with its cause.
func FailChange(generation int64, cause string) Change {
	return Change{Name: "fail", From: []Status{Initializing}, Generation: generation, To: Error, Cause: cause, Unassign: true}
}

// SleepChange is the first step of stopping: an awake session becomes inactive
// unless it was used after idleSince. Its target stays, so that it can resume.
func SleepChange(generation int64, idleSince time.Time) Change {
	return Change{
		Name: "sleep", From: []Status{Initializing, Active}, Generation: generation,
		IdleSince: idleSince, To: Inactive,
	}
}

// DoomChange is the second step of stopping: the assignment of a sleeping
// session is given up for good; a wake from here on is a new start.
func DoomChange(generation int64) Change {
	return Change{
		Name: "doom", From: []Status{Inactive}, Generation: generation,
		NextGeneration: true, Unassign: true,
	}
}

// IdleEndChange takes the place of [DoomChange] where an idle session ends: it is
// ended unless it was used after idleSince.
func IdleEndChange(generation int64, idleSince time.Time, cause string) Change {
	return Change{
		Name: "end idle", From: []Status{Inactive}, Generation: generation, IdleSince: idleSince,
		To: Draining, Cause: cause,
	}
}

// LostChange lets go of a target whose task is gone; the session is asleep
// until somebody wakes it.
func LostChange(generation int64) Change {
	return Change{
		Name: "lose", From: []Status{Initializing, Active}, Generation: generation,
		To: Inactive, NextGeneration: true, Unassign: true,
	}
}

// DrainChange begins to end a session on request; cause says why.
func DrainChange(cause string) Change {
	return Change{Name: "drain", From: []Status{Initializing, Active, Inactive, Error}, To: Draining, Cause: cause}
}

// EndChange completes the end of a draining session.
func EndChange(cause string) Change {
	return Change{Name: "end", From: []Status{Draining}, To: Expired, Cause: cause, Unassign: true}
}

// ExpireChange ends a session whose TTL has passed at now.
func ExpireChange(now time.Time) Change {
	return Change{
		Name: "expire", From: []Status{Initializing, Active, Inactive, Error, Draining}, DeadAt: now,
		To: Expired, Cause: "its time to live is over", Unassign: true,
	}
}

// ExtendChange writes coalesced activity and the TTL that follows from it. It
// never brings back a session that is over.
func ExtendChange(a Activity, lastHuman, lastVisit time.Time, ttl time.Duration, now time.Time) Change {
	return Change{
		Name: "extend", AliveAt: now,
		Activity: a, LastHuman: lastHuman, LastVisit: lastVisit, ExpiresAt: a.At.Add(ttl),
	}
}
