package session

// Status is the stored state of a session. The words are those of the table
// that other programs read.
type Status string

// The six stored statuses.
const (
	// Initializing: wanted, no ready target yet.
	Initializing Status = "initializing"
	// Active: a target serves it.
	Active Status = "active"
	// Inactive: asleep; its task may be gone; it can be woken.
	Inactive Status = "inactive"
	// Draining: being ended.
	Draining Status = "draining"
	// Expired: over, by TTL or ended. It never comes back.
	Expired Status = "expired"
	// Error: the last start failed; the cause is kept. It can be woken again.
	Error Status = "error"
)

// Statuses lists all of them.
func Statuses() []Status {
	return []Status{Initializing, Active, Inactive, Draining, Expired, Error}
}

// Valid reports whether s is one of the six stored words.
func (s Status) Valid() bool {
	switch s {
	case Initializing, Active, Inactive, Draining, Expired, Error:
		return true
	}
	return false
}

// Ended reports whether s is past the point of no return: draining or expired.
func (s Status) Ended() bool { return s == Draining || s == Expired }

// Awake reports whether s counts as demand for a task.
func (s Status) Awake() bool { return s == Initializing || s == Active }

// Transition reports whether a session may go from one status to the other.
// Staying in a status is not a transition.
func Transition(from, to Status) bool {
	switch from {
	case Initializing:
		return to == Active || to == Error || to == Inactive || to == Draining || to == Expired
	case Active:
		return to == Inactive || to == Draining || to == Expired
	case Inactive, Error:
		return to == Initializing || to == Draining || to == Expired || from == Inactive && to == Active
	case Draining:
		return to == Expired
	}
	return false
}
