package scaler

import (
	"fmt"
	"math"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Steps says how many tasks so many sessions get: of the thresholds (keys) that
// the number of sessions reaches, the greatest counts. {1: 1, 3: 3} gives one
// task to one or two sessions and three to three or more.
type Steps map[int]int

// Validate reports thresholds and counts that make no sense.
func (s Steps) Validate() error {
	if s[1] < 1 {
		return &session.InvalidError{Field: "steps", Reason: "must say how many tasks 1 session gets, at least 1"}
	}
	for threshold, tasks := range s {
		if threshold < 1 || tasks < 1 {
			return &session.InvalidError{Field: "steps", Reason: fmt.Sprintf("has %d: %d; both must be positive", threshold, tasks)}
		}
		for lower, fewer := range s {
			if lower < threshold && fewer > tasks {
				return &session.InvalidError{
					Field:  "steps",
					Reason: fmt.Sprintf("gives %d sessions more tasks than %d", lower, threshold),
				}
			}
		}
	}
	return nil
}

// tasks returns the number of tasks for so many sessions.
func (s Steps) tasks(sessions int) int {
	n, reached := 0, 0
	for threshold, tasks := range s {
		if threshold <= sessions && threshold > reached {
			n, reached = tasks, threshold
		}
	}
	return n
}

// demand is what a group's number of tasks is decided from: state, not samples.
type demand struct {
	// sessions that are awake, those whose start is under way among them.
	sessions int
	// warm tasks that are to be there whether or not anybody comes.
	warm int
	// load is how many tasks the CPU utilisation asks for, while anybody is there.
	load int
	// most tasks that the group's client may have; zero is no bound.
	most int
}

// policy decides how many tasks a group is to have.
type policy struct {
	steps    Steps
	cooldown time.Duration
	cpuAbove float64
}

// desired returns the number of tasks for d.
func (p policy) desired(d demand) int {
	n := max(p.steps.tasks(d.sessions), d.warm)
	if d.sessions > 0 {
		n = max(n, d.load)
	}
	if d.most > 0 {
		n = min(n, d.most)
	}
	return n
}

// excess returns how many of have tasks are to go at now, and since when there
// have been too many (zero: there are not). A scale-in waits until there have
// been too many for the whole cooldown.
func (p policy) excess(d demand, have int, since, now time.Time) (tasks int, surplusSince time.Time) {
	want := p.desired(d)
	if have <= want {
		return 0, time.Time{}
	}
	if since.IsZero() {
		since = now
	}
	if now.Sub(since) < p.cooldown {
		return 0, since
	}
	return have - want, since
}

// load returns how many tasks the CPU utilisation asks for, which is so many
// percent on average of those that there are. Above the threshold it is one more
// than there are; below, as many as have the same work without going above it.
func (p policy) load(percent float64, have int) int {
	if percent > p.cpuAbove {
		return have + 1
	}
	return int(math.Ceil(percent * float64(have) / p.cpuAbove))
}

// backoff returns how long to wait after so many failures in a row: 5 s,
// doubled each time, at most 5 min.
func backoff(failures int) time.Duration {
	const first, longest = 5 * time.Second, 5 * time.Minute
	d := first
	for range failures - 1 {
		if d *= 2; d >= longest {
			return longest
		}
	}
	return d
}
