package route

import "time"

// Limits are a rule's own, each in place of the general one unless 0.
type Limits struct {
	// BodyBytes bounds the request's body; more is a 413, at once where the client
	// says how much it sends, else when it has sent too much. 0 is no bound.
	BodyBytes int64
	// ResponseTimeout is how long the upstream may take to begin its answer; more is
	// a 504. Websockets have a timeout of their own.
	ResponseTimeout time.Duration
	// HoldTimeout and PageGrace are how long a request, or a navigation, waits for
	// a target. For actions that may wait.
	HoldTimeout time.Duration
	PageGrace   time.Duration
}

func (l *Limits) check(a Action, m *mistakes) {
	upstream := false
	switch a.(type) {
	case *Session, *Forward:
		upstream = true
	}
	if l.BodyBytes < 0 {
		m.add("limits.body_bytes", "is negative")
	}
	for _, t := range []struct {
		field string
		value time.Duration
	}{
		{"limits.response_timeout", l.ResponseTimeout},
		{"limits.hold_timeout", l.HoldTimeout},
		{"limits.page_grace", l.PageGrace},
	} {
		switch {
		case t.value < 0:
			m.add(t.field, "is negative")
		case t.value > 0 && !upstream:
			m.add(t.field, "belongs to session and forward: this action has no upstream")
		}
	}
}
