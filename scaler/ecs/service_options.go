package ecs

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// ServiceOptions are the settings of a [ServiceDriver]. Client, Records, Pool,
// Cluster, Service and Port are required.
type ServiceOptions struct {
	Client *Client
	// Records keep what all replicas want of the services.
	Records session.Records
	// Pool is the pool's name, Key its key template.
	Pool    string
	Key     string
	Cluster string
	// Service is the name of a service that exists, with the network mode awsvpc:
	// a template with {session}, {client} and {key}, in which every variable of
	// Key occurs.
	Service string
	// TakeOver: set the desired count although a scaling policy on the service
	// does so, too. Otherwise such a service is only observed.
	TakeOver bool
	// ProtectFor is how long tasks are protected from scale-in at a time; it is
	// renewed after half of it. As long may a deployment have to wait for a
	// Warmgate that has died. Whole minutes, 1 min to 48 h; zero means 30 min.
	ProtectFor time.Duration
	// Port is where the container listens, Ports its further ones.
	Port  int
	Ports []int
	// Logger; nil discards.
	Logger *slog.Logger
}

func (o ServiceOptions) withDefaults() ServiceOptions {
	if o.ProtectFor == 0 {
		o.ProtectFor = 30 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Validate reports every mistake but a missing client or missing records, each as
// an [*session.InvalidError].
func (o ServiceOptions) Validate() error {
	o = o.withDefaults()
	var errs []error
	invalid := func(field, format string, args ...any) {
		errs = append(errs, &session.InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if o.Cluster == "" {
		invalid("cluster", "is empty")
	}
	if o.Service == "" {
		invalid("service", "is empty")
	}
	if _, err := scaler.Expand(o.Service, specVariables(scaler.TaskSpec{})); err != nil {
		invalid("service", "%v", err)
	}
	for _, variable := range []string{"{client}", "{session}"} {
		if strings.Contains(o.Key, variable) && !strings.Contains(o.Service, variable) && !strings.Contains(o.Service, "{key}") {
			invalid("service", "must contain %s: the pool's key (%s) does, and each key needs a service of its own", variable, o.Key)
		}
	}
	if o.ProtectFor < time.Minute || o.ProtectFor > 48*time.Hour || o.ProtectFor%time.Minute != 0 {
		invalid("protect_for", "is %s; it must be whole minutes, 1 min to 48 h", o.ProtectFor)
	}
	return errors.Join(errs...)
}

// ServiceName returns the name of the service that has the tasks for spec.
func (o ServiceOptions) ServiceName(spec scaler.TaskSpec) string {
	name, _ := scaler.Expand(o.Service, specVariables(spec)) // Validate has checked it
	return name
}

// fixed returns the service if all specs have the same one.
func (o ServiceOptions) fixed() (string, bool) {
	return o.Service, !strings.Contains(o.Service, "{")
}
