package albimport

import (
	"strconv"
	"strings"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
)

// Result is one listener, converted.
type Result struct {
	Listener Listener
	// Upstreams are the target groups that the rules name, by name.
	Upstreams []Upstream
	// Rules are in ascending priority, the default rule last.
	Rules []Rule
	// ResponseTimeout is the load balancer's idle timeout; 0 if it is not known.
	ResponseTimeout time.Duration
	Forwarded       Forwarded
	// Notes say what was not carried over, in the order of what they are about.
	Notes []Note
}

// Forwarded is what the load balancer does with X-Forwarded-For, where it is not
// the usual.
type Forwarded struct {
	Mode       string // preserve or remove; "" for append
	ClientPort bool
}

// Listener says what was converted; fields that no document told are empty.
type Listener struct {
	ARN          string
	Protocol     string // HTTP or HTTPS
	Port         int
	LoadBalancer string // its name
}

// String names the listener for people.
func (l Listener) String() string {
	if l.Port == 0 {
		return strings.TrimSpace("listener " + l.ARN)
	}
	return "listener " + l.Protocol + " " + strconv.Itoa(l.Port)
}

// Rule is a listener rule. The upstreams that its action names have their names
// only.
type Rule struct {
	route.Rule
	ARN string
}

// Upstream is a target group.
type Upstream struct {
	route.Upstream
	ARN string
	// Missing says which addresses are to be filled in, and why they are not known;
	// empty if URLs has them.
	Missing string
}

// Note is one thing that was not carried over.
type Note struct {
	About string // "rule 15", "target group astro", "load balancer"
	Text  string
}

// String is the note as a line.
func (n Note) String() string { return n.About + ": " + n.Text }

// RefusedError says what would be lost.
type RefusedError struct {
	// Authentication has a line for each action that authenticates requests, and
	// one for mutual TLS; see [Options].DropAuthentication.
	Authentication []string
	// Rules has a line for each reason why a rule cannot be carried over; see
	// [Options].Drop.
	Rules []string
}

// Error lists everything, a line each.
func (e *RefusedError) Error() string {
	var b strings.Builder
	if len(e.Authentication) > 0 {
		b.WriteString("requests are authenticated, which is not carried over:\n  ")
		b.WriteString(strings.Join(e.Authentication, "\n  "))
	}
	if len(e.Rules) > 0 {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("these rules cannot be carried over:\n  ")
		b.WriteString(strings.Join(e.Rules, "\n  "))
	}
	return b.String()
}
