package session

import "time"

// Phase is how far a session's backend is, as the driver reports it.
type Phase string

// The phases of a backend; a start goes through those from Asked to Ready in
// this order and may leave some out.
const (
	// PhaseAsleep: nothing runs and nothing is wanted.
	PhaseAsleep Phase = "asleep"
	// PhaseAsked: a task has been asked for.
	PhaseAsked Phase = "asked"
	// PhaseProvisioning: the driver looks for a place to run it.
	PhaseProvisioning Phase = "provisioning"
	// PhasePulling: the image or the dependencies are being fetched.
	PhasePulling Phase = "pulling"
	// PhaseStarting: the task runs; its dev server does not answer yet.
	PhaseStarting Phase = "starting"
	// PhaseChecking: the dev server accepts connections; its first answer is awaited.
	PhaseChecking Phase = "checking"
	// PhaseReady: requests are forwarded.
	PhaseReady Phase = "ready"
	// PhaseFailed: the start failed; Backend.Err says why.
	PhaseFailed Phase = "failed"
	// PhaseEnded: the session is over.
	PhaseEnded Phase = "ended"
)

// Warming reports whether p is part of a start under way.
func (p Phase) Warming() bool {
	switch p {
	case PhaseAsked, PhaseProvisioning, PhasePulling, PhaseStarting, PhaseChecking:
		return true
	}
	return false
}

// Step is a phase that a start has reached.
type Step struct {
	Phase Phase     `json:"phase"`
	At    time.Time `json:"at"`
}

// Estimate is how long past starts of the same pool took.
type Estimate struct {
	Median  time.Duration
	P90     time.Duration
	Samples int
}

// Backend is an immutable snapshot of what serves a session now. Do not change
// one that was given to [Live.SetBackend].
type Backend struct {
	Phase Phase
	// Generation is the start that this belongs to.
	Generation int64
	// Target is where requests go; set when Phase is PhaseReady.
	Target Target
	// Began and Deadline bound the start under way; Steps are its phases so far.
	// Until LaunchAt it waits for its turn among other starts.
	Began    time.Time
	LaunchAt time.Time
	Deadline time.Time
	Steps    []Step
	// Estimate for this start; zero Samples if there are no past ones.
	Estimate Estimate
	// Err is the cause when Phase is PhaseFailed; it wraps ErrStartFailed,
	// ErrStartTimeout or ErrCapacity. RetryAt is when a new start is allowed.
	Err     error
	RetryAt time.Time
	// Log returns the task's last log lines, oldest first; nil if the driver
	// has none. Safe for concurrent use.
	Log func() []string
}

// LogTail returns the last log lines, or nil.
func (b *Backend) LogTail() []string {
	if b.Log == nil {
		return nil
	}
	return b.Log()
}
