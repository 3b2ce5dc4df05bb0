package balance

import (
	"context"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
)

// State is a target's health in the words of an ALB.
type State string

// The states of a target.
const (
	// Initial: it has not passed a check yet.
	Initial State = "initial"
	// Healthy: it passes its checks.
	Healthy State = "healthy"
	// Unhealthy: it fails them.
	Unhealthy State = "unhealthy"
	// Draining: a reload has taken it out; requests under way go on.
	Draining State = "draining"
	// Unavailable: its group has no health check, so nothing is known.
	Unavailable State = "unavailable"
)

// Reasons of a state, in the words of an ALB but for the last.
const (
	reasonInitial   = "Elb.InitialHealthChecking"
	reasonTimeout   = "Target.Timeout"
	reasonFailed    = "Target.FailedHealthChecks"
	reasonMismatch  = "Target.ResponseCodeMismatch"
	reasonDraining  = "Target.DeregistrationInProgress"
	reasonNoCheck   = "Target.HealthCheckDisabled"
	reasonUnreached = "Target.Unreachable"
)

// Target is an address of a group. Requests that go to it are counted between
// [Target.Begin] and [Target.Done].
type Target struct {
	// Scheme is http or https; Addr is as its URL has it: without a port it means
	// the scheme's own.
	Scheme, Addr string

	group       *Group
	outstanding atomic.Int64
	// check is nil if the group has none.
	check *route.HealthCheck
	since time.Time
	// recheck has the next check made at once.
	recheck chan struct{}

	// Guarded by Balancer.mu:
	state  State
	reason string
	// passed and failed count checks in a row; proven: it has been healthy once.
	passed, failed int
	proven         bool
	// resting: it could not be reached a moment ago.
	resting bool
	// stop ends its checks; nil while there are none.
	stop context.CancelFunc
}

func newTarget(g *Group, u *url.URL, check *route.HealthCheck) *Target {
	t := &Target{
		Scheme: u.Scheme, Addr: u.Host, group: g, check: check, since: time.Now(), recheck: make(chan struct{}, 1),
		state: Initial, reason: reasonInitial,
	}
	if check == nil {
		t.state, t.reason = Unavailable, reasonNoCheck
	}
	return t
}

// Begin counts a request as under way.
func (t *Target) Begin() { t.outstanding.Add(1) }

// Done ends what Begin began.
func (t *Target) Done() { t.outstanding.Add(-1) }

// dialAddr is host:port, as connections to it are named.
func (t *Target) dialAddr() string {
	if _, _, err := net.SplitHostPort(t.Addr); err == nil {
		return t.Addr
	}
	u := url.URL{Host: t.Addr}
	if t.Scheme == "https" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// usable reports whether requests are to go to it. Balancer.mu is held.
func (t *Target) usable() bool {
	return (t.state == Healthy || t.state == Unavailable) && !t.resting
}
