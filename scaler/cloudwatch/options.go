package cloudwatch

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/session"
)

// DefaultInterval is how often metrics are published: what alarms and scaling
// policies look at is minutes.
const DefaultInterval = time.Minute

// Sessions lists sessions, as a [session.Store].
type Sessions interface {
	ByStatus(ctx context.Context, statuses ...session.Status) iter.Seq2[session.Session, error]
}

// Options are what a [Publisher] works with. Client, Namespace, Sessions and
// Gatherer are required.
type Options struct {
	Client *Client
	// Namespace of the metrics.
	Namespace string
	// Sessions has the sessions of all replicas.
	Sessions Sessions
	// Gatherer has this replica's own metrics, by the names that Prometheus knows
	// them by: the numbers at both places are the same.
	Gatherer prometheus.Gatherer
	// Pools are those whose tasks run on Fargate. Without any there is no
	// FargateTaskCount and no CostPerSession.
	Pools []string
	// TaskHourPrice is what such a task costs for an hour, in US dollars. Zero
	// means that there is no CostPerSession.
	TaskHourPrice float64
	// MaxClients bounds the clients with a count of their own: each is a metric to
	// pay for. Those with the most sessions have one. Zero means that none has.
	MaxClients int
	// Interval is the time between two publications. Zero means [DefaultInterval].
	Interval time.Duration
	// Lead reports whether this replica is the one that publishes. Nil means that
	// it always is.
	Lead func() bool
	// Registerer gets the metrics of the Publisher itself; nil means that nobody does.
	Registerer prometheus.Registerer
	// Logger; nil discards.
	Logger *slog.Logger
}

// Validate reports all mistakes at once (errors.Join of [*session.InvalidError]).
func (o Options) Validate() error {
	var errs []error
	for _, c := range []struct {
		field, reason string
		wrong         bool
	}{
		{"namespace", "is empty", o.Namespace == ""},
		{"namespace", "is longer than 255 bytes", len(o.Namespace) > 255},
		{"namespace", "begins with a colon", o.Namespace != "" && o.Namespace[0] == ':'},
		{"namespace", "AWS/ is for the services of AWS", len(o.Namespace) >= 4 && o.Namespace[:4] == "AWS/"},
		{"namespace", "has characters that are not printable ASCII", !printable(o.Namespace)},
		{"task_hour_price", "is negative", o.TaskHourPrice < 0},
		{"clients", "is negative", o.MaxClients < 0},
		{"interval", "must be at least 1s", o.Interval < 0 || o.Interval > 0 && o.Interval < time.Second},
	} {
		if c.wrong {
			errs = append(errs, &session.InvalidError{Field: c.field, Reason: c.reason})
		}
	}
	return errors.Join(errs...)
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func (o Options) withDefaults() Options {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	if o.Lead == nil {
		o.Lead = func() bool { return true }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
