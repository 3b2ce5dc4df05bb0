package warming

import (
	"time"

	"github.com/webordinary/warmgate/session"
)

// state is a snapshot as the pages' script reads it. Times are milliseconds
// since the start began, so that the browser's clock does not matter.
type state struct {
	Phase   session.Phase `json:"phase"`
	Elapsed int64         `json:"elapsed"`
	Steps   []step        `json:"steps"`
	// Median and P90 are the estimate; 0 if there is none.
	Median int64 `json:"median,omitempty"`
	P90    int64 `json:"p90,omitempty"`
	// TurnIn is when a start that waits in line is asked for; 0 if it does not wait.
	TurnIn int64 `json:"turnIn,omitempty"`
	// RetryIn is when a failed start may be tried again; 0 for now.
	RetryIn int64 `json:"retryIn,omitempty"`
	// Log is the tail, oldest first; never null.
	Log []string `json:"log"`
}

// step is a phase that was reached, and when.
type step struct {
	Phase session.Phase `json:"phase"`
	At    int64         `json:"at"`
}

// newState returns b as the script reads it.
func newState(b *session.Backend, now time.Time) state {
	s := state{Phase: b.Phase, Elapsed: since(b.Began, now), Steps: []step{}, Log: tail(b)}
	for _, st := range b.Steps {
		s.Steps = append(s.Steps, step{st.Phase, since(b.Began, st.At)})
	}
	if b.Estimate.Samples > 0 {
		s.Median, s.P90 = b.Estimate.Median.Milliseconds(), b.Estimate.P90.Milliseconds()
	}
	if b.Phase == session.PhaseAsked {
		s.TurnIn = max(b.LaunchAt.Sub(now).Milliseconds(), 0)
	}
	if !b.RetryAt.IsZero() {
		s.RetryIn = max(b.RetryAt.Sub(now).Milliseconds(), 0)
	}
	return s
}

// since returns the milliseconds from began to t, 0 if began is not known.
func since(began, t time.Time) int64 {
	if began.IsZero() {
		return 0
	}
	return max(t.Sub(began).Milliseconds(), 0)
}

// retryAfter returns when asking again for a session that warms makes sense:
// after what is left of the usual time, within 1 to 30 s.
func retryAfter(b *session.Backend, now time.Time) time.Duration {
	elapsed := time.Duration(since(b.Began, now)) * time.Millisecond
	left := b.Estimate.Median - elapsed
	if left <= 0 {
		left = b.Estimate.P90 - elapsed
	}
	if left <= 0 {
		left = 2 * time.Second // no estimate, or later than it
	}
	return min(max(left, time.Second), 30*time.Second)
}
