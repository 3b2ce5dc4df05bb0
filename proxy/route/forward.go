package route

import "time"

// Forward passes the request on unchanged, to one of its groups.
type Forward struct {
	// Groups share the rule's requests by their weights; at least one. If no weight
	// is above 0, requests are answered with 503.
	Groups []ForwardGroup
	// Host is preserve unless set.
	Host HostMode
}

// ForwardGroup is where a share of a rule's requests goes. Exactly one of Upstream
// and Pool is set.
type ForwardGroup struct {
	Upstream *Upstream
	// Pool is the name of a pool whose tasks are started when they are asked for.
	Pool string
	// Port on the pool's tasks; 0 is the pool's own.
	Port int
	// Weight is 0 to MaxWeight, relative to the rule's other groups.
	Weight int
}

// MaxWeight is the largest weight of a group, as for an ALB.
const MaxWeight = 999

// ForwardTo returns the action that forwards to these addresses in turn.
func ForwardTo(urls ...string) *Forward {
	return &Forward{Groups: []ForwardGroup{{Upstream: &Upstream{URLs: urls}, Weight: 1}}}
}

// Algorithm says which target of a group a request goes to.
type Algorithm string

const (
	// RoundRobin takes the targets in turn. The zero value means the same.
	RoundRobin Algorithm = "round_robin"
	// LeastOutstanding takes the one with the fewest requests under way.
	LeastOutstanding Algorithm = "least_outstanding"
)

// Upstream is a group of fixed addresses, as a target group of an ALB. Rules may
// share one, also over a reload.
type Upstream struct {
	// Name is unique; "" for one that a rule has for itself.
	Name string
	// URLs are base URLs such as "http://10.0.0.1:3000", without a path: the
	// request's own path is used.
	URLs []string
	// Algorithm is round robin unless set.
	Algorithm Algorithm
	// HealthCheck says how targets are asked whether they work; nil means they are
	// not, and only one that cannot be reached is left out, for a moment.
	HealthCheck *HealthCheck
	// DrainTimeout is how long requests under way may go on once a reload has taken
	// their target out (an ALB's deregistration delay). Zero means 300 s.
	DrainTimeout time.Duration
}

// HealthCheck has the settings of an ALB's. The zero value of each means the
// ALB's default.
type HealthCheck struct {
	// Path is asked for with GET, perhaps with a query. Empty means "/".
	Path string
	// Port is asked in place of the target's own, unless 0.
	Port int
	// Interval is the time between two checks, Timeout how long one may take. Zero
	// means 30 s and 5 s.
	Interval, Timeout time.Duration
	// HealthyThreshold is how many checks in a row an unhealthy target has to pass,
	// UnhealthyThreshold how many a healthy one has to fail. Zero means 5 and 2. A
	// new target has to pass one.
	HealthyThreshold, UnhealthyThreshold int
	// Matcher has the statuses that pass: "200,202" or "200-299". Empty means "200".
	Matcher string
}

// WithDefaults returns u with its zero values replaced, its health check's
// included.
func (u Upstream) WithDefaults() Upstream {
	setDefault(&u.Algorithm, RoundRobin)
	setDefault(&u.DrainTimeout, 300*time.Second)
	if u.HealthCheck != nil {
		h := *u.HealthCheck
		setDefault(&h.Path, "/")
		setDefault(&h.Interval, 30*time.Second)
		setDefault(&h.Timeout, 5*time.Second)
		setDefault(&h.HealthyThreshold, 5)
		setDefault(&h.UnhealthyThreshold, 2)
		setDefault(&h.Matcher, "200")
		u.HealthCheck = &h
	}
	return u
}

func setDefault[T comparable](v *T, or T) {
	var zero T
	if *v == zero {
		*v = or
	}
}
