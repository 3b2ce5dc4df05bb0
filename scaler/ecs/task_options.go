package ecs

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// Capacity is where the tasks of a [TaskDriver] run.
type Capacity string

// The capacities.
const (
	// SpotFirst asks for Spot, and for on-demand if that has no room.
	SpotFirst Capacity = "spot-first"
	// SpotOnly waits for Spot.
	SpotOnly Capacity = "spot"
	// OnDemand never asks for Spot.
	OnDemand Capacity = "on-demand"
)

// TaskOptions are the settings of a [TaskDriver]. Client, Pool, Cluster,
// TaskDefinition, Subnets and Port are required. Env and Command are templates
// with {session}, {client}, {key} and {base}.
type TaskOptions struct {
	Client *Client
	// Pool is the pool's name.
	Pool string
	// StartedBy marks the tasks as this pool's; two installations that share a
	// cluster need different ones. Empty means "warmgate/" and the pool's name.
	StartedBy string
	Cluster   string
	// TaskDefinition is a family, family:revision or an ARN, for the network mode
	// awsvpc.
	TaskDefinition string
	Subnets        []string
	SecurityGroups []string
	// PublicIP gives tasks an address on the internet, as they need to pull an
	// image from a public subnet.
	PublicIP bool
	// Capacity; empty means SpotFirst. Spot needs the capacity provider
	// FARGATE_SPOT in the cluster.
	Capacity Capacity
	// SpotTimeout is how long a Spot task may wait for its place before an
	// on-demand one takes over. Zero means 30 s.
	SpotTimeout time.Duration
	// Container is the container that Command and Env are for.
	Container string
	Command   []string
	Env       map[string]string
	// Tags are put on the tasks besides our own.
	Tags map[string]string
	// Port is where the container listens, Ports its further ones.
	Port  int
	Ports []int
	// Logger; nil discards.
	Logger *slog.Logger
}

func (o TaskOptions) withDefaults() TaskOptions {
	if o.StartedBy == "" {
		o.StartedBy = "warmgate/" + o.Pool
	}
	if o.Capacity == "" {
		o.Capacity = SpotFirst
	}
	if o.SpotTimeout == 0 {
		o.SpotTimeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

var startedBySyntax = regexp.MustCompile(`^[A-Za-z0-9_/-]{1,128}$`)

// mostTags is what a task may have, less what our own take at most.
const mostTags = 30

// Validate reports every mistake but a missing client, each as an
// [*session.InvalidError].
func (o TaskOptions) Validate() error {
	o = o.withDefaults()
	var errs []error
	invalid := func(field, format string, args ...any) {
		errs = append(errs, &session.InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if o.Cluster == "" {
		invalid("cluster", "is empty")
	}
	if o.TaskDefinition == "" {
		invalid("task_definition", "is empty")
	}
	if len(o.Subnets) == 0 {
		invalid("subnets", "is empty")
	}
	if !startedBySyntax.MatchString(o.StartedBy) {
		invalid("started_by", "must have 1 to 128 letters, digits, -, _ and /")
	}
	if !slices.Contains([]Capacity{SpotFirst, SpotOnly, OnDemand}, o.Capacity) {
		invalid("capacity", "is %q; it must be %s, %s or %s", o.Capacity, SpotFirst, SpotOnly, OnDemand)
	}
	if o.SpotTimeout < 0 {
		invalid("spot_timeout", "is negative")
	}
	if o.Container == "" && (len(o.Command) > 0 || len(o.Env) > 0) {
		invalid("container", "is empty; command and env need to know which one they are for")
	}
	for _, template := range o.Command {
		if _, err := scaler.Expand(template, specVariables(scaler.TaskSpec{})); err != nil {
			invalid("command", "%v", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Env)) {
		if _, err := scaler.Expand(o.Env[name], specVariables(scaler.TaskSpec{})); err != nil {
			invalid("env."+name, "%v", err)
		}
	}
	for name, value := range o.Tags {
		if strings.HasPrefix(name, "warmgate:") || strings.HasPrefix(strings.ToLower(name), "aws:") || name == "" || len(value) > tagValueLimit {
			invalid("tags", "has %q, which is too long or whose name is reserved", name)
		}
	}
	if len(o.Tags) > mostTags {
		invalid("tags", "has more than %d", mostTags)
	}
	return errors.Join(errs...)
}

// specVariables resolves the variables of the templates.
func specVariables(spec scaler.TaskSpec) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := map[string]string{
			"session": string(spec.SessionID), "client": string(spec.ClientID), "key": spec.Key, "base": spec.Base,
		}[name]
		return v, ok
	}
}
