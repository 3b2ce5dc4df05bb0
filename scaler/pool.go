package scaler

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/webordinary/warmgate/session"
)

// Pool is the configuration of one unit of scaling. Name, Key and Driver are
// required. Where its tasks listen is its driver's affair.
type Pool struct {
	// Name is what records and metrics call it.
	Name string
	// Key is a template of {client} and {session}: sessions with the same key
	// share tasks; with {session} each has one task of its own.
	Key string
	// Driver starts this pool's tasks, and no other's.
	Driver Driver
	// Base is the template, of {client} and {session}, of the URL path below
	// which the tasks serve their sites, with a slash at both ends. Empty means
	// "/": the prefix is stripped, or there is none.
	Base string
	// Steps of a pool whose sessions share tasks; of no meaning with {session}
	// in the key. Nil means {1: 1}.
	Steps Steps
	// Warm says when a group has tasks before anybody comes: the only group of a
	// key without variables; with {client} in the key those of Clients, and any
	// other that is in use or has tasks already. Not with {session} in the key.
	Warm []Warm
	// CPU tells how busy tasks are, CPUAbove from how many percent on a group gets
	// one more, one at a time and not before Cooldown is over; they stay while the
	// rest would be as busy. Without one of the two only sessions count. Not with
	// {session} in the key.
	CPU      CPUFunc
	CPUAbove float64
	// PerClient bounds what each client may have, Clients what those named may
	// have instead; they are known before they come.
	PerClient Limits
	Clients   map[session.ClientID]Limits
	// Cooldown is how long a shared pool has to have too many tasks before any
	// is stopped. Zero means 60 s.
	Cooldown time.Duration
	// Maximum bounds the tasks of this pool. Zero means 20.
	Maximum int
	// StartTimeout bounds a start, from being asked for to the first answer.
	// Zero means 120 s.
	StartTimeout time.Duration
	// Probe asks for readiness.
	Probe Probe
	// PollInterval is how often a driver without a signal is asked for its
	// tasks. Zero means 1 s.
	PollInterval time.Duration
}

func (p Pool) withDefaults() Pool {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{{&p.Cooldown, time.Minute}, {&p.StartTimeout, 2 * time.Minute}, {&p.PollInterval, time.Second}} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	if p.Steps == nil {
		p.Steps = Steps{1: 1}
	}
	if p.Maximum == 0 {
		p.Maximum = 20
	}
	if p.Base == "" {
		p.Base = "/"
	}
	if p.Probe.Path == "" {
		p.Probe.Path = "{base}"
	}
	return p
}

// Validate reports every mistake as an [*session.InvalidError] whose field is
// the key below the pool. Zero values are none.
func (p Pool) Validate() error {
	p = p.withDefaults()
	var errs []error
	invalid := func(field, format string, args ...any) {
		errs = append(errs, &session.InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if p.Name == "" {
		invalid("name", "is empty")
	}
	if p.Key == "" {
		invalid("key", "is empty")
	}
	if p.Driver == nil {
		invalid("driver", "is missing")
	}
	check := func(field, template string, value func(string) (string, bool)) {
		if _, err := Expand(template, value); err != nil {
			invalid(field, "%v", err)
		}
	}
	check("key", p.Key, sessionVariables("", ""))
	check("base", p.Base, sessionVariables("", ""))
	check("probe.path", p.Probe.Path, probeVariables(TaskSpec{}))
	if !strings.HasPrefix(p.Base, "/") || !strings.HasSuffix(p.Base, "/") {
		invalid("base", "must begin and end with a slash")
	}
	if !strings.HasPrefix(p.Probe.Path, "/") && !strings.HasPrefix(p.Probe.Path, "{base}") {
		invalid("probe.path", "must begin with a slash or {base}")
	}
	if p.Cooldown < 0 || p.StartTimeout < 0 || p.PollInterval < 0 || p.Maximum < 0 {
		invalid("pool", "has a negative limit")
	}
	if err := p.Steps.Validate(); err != nil {
		errs = append(errs, err)
	}
	if _, err := newSchedule(p.Warm); err != nil {
		errs = append(errs, joined(err)...)
	}
	for i, w := range p.Warm {
		if w.Tasks > p.Maximum {
			invalid(fmt.Sprintf("warm[%d].tasks", i), "is %d, more than the %d that the pool may have", w.Tasks, p.Maximum)
		}
	}
	if p.PerClient.Tasks < 0 || p.PerClient.Sessions < 0 {
		invalid("per_client", "has a negative limit")
	}
	for _, client := range slices.Sorted(maps.Keys(p.Clients)) {
		limits := p.Clients[client]
		if _, err := session.ParseClientID(string(client)); err != nil {
			invalid("clients", "has %q, which is no client's id", client)
		}
		if limits.Tasks < 0 || limits.Sessions < 0 {
			invalid("clients", "has a negative limit for %s", client)
		}
		if limits.Tasks > 0 && !p.tellsClientsApart() {
			invalid("clients", "has a limit of tasks for %s; without {client} or {session} in the key clients share their tasks", client)
		}
	}
	if p.PerClient.Tasks > 0 && !p.tellsClientsApart() {
		invalid("per_client", "has a limit of tasks; without {client} or {session} in the key clients share them")
	}
	if p.CPUAbove < 0 || p.CPUAbove >= 100 {
		invalid("cpu_above", "is %v; it must be a percentage below 100, or 0", p.CPUAbove)
	}
	if p.CPUAbove > 0 && strings.Contains(p.Key, "{session}") {
		invalid("cpu_above", "needs sessions that share tasks; with {session} in the key each has one")
	}
	if len(p.Warm) > 0 && strings.Contains(p.Key, "{session}") {
		invalid("warm", "needs sessions that share tasks: with {session} in the key a task cannot be there before its session")
	}
	return errors.Join(errs...)
}

// probeVariables resolves the variables of a probe's path.
func probeVariables(spec TaskSpec) func(string) (string, bool) {
	ids := sessionVariables(spec.SessionID, spec.ClientID)
	return func(name string) (string, bool) {
		if name == "base" {
			return spec.Base, true
		}
		return ids(name)
	}
}

// pool is a Pool at work. The fields from groups on are guarded by [Scaler].mu.
type pool struct {
	Pool
	policy policy
	// dedicated: each session has a task of its own.
	dedicated bool
	warm      schedule
	// longestLine is how long a start waits for its turn at most.
	longestLine time.Duration
	// looking has one place, for who asks the driver: an older list must not
	// overwrite a newer one.
	looking chan struct{}

	groups map[string]*group
	tasks  map[*task]struct{}
	byID   map[string]*task
	// unknown are tasks that the driver lists and nobody here has started.
	unknown map[string]*stranger
	// registered counts task identities learnt; see look.
	registered int64
	// reserved places of sessions that are just being woken.
	reserved map[*tracked]place
	past     history
	// warmTasks of each group, as of the last sweep.
	warmTasks int
}

// stranger is a task that nobody here has started.
type stranger struct {
	Task
	since time.Time
	// state of the session that it was started for, as last seen, and since when
	// that has been so.
	state      string
	stateSince time.Time
}

// useful reports whether it serves, or will.
func (v *stranger) useful() bool { return v.State == TaskPending || v.State == TaskRunning }

func newPool(config Pool) *pool {
	config = config.withDefaults()
	warm, _ := newSchedule(config.Warm) // Validate has checked it
	return &pool{
		warm: warm, looking: make(chan struct{}, 1),
		Pool: config, policy: policy{steps: config.Steps, cooldown: config.Cooldown, cpuAbove: config.CPUAbove},
		dedicated: strings.Contains(config.Key, "{session}"),
		groups:    make(map[string]*group), tasks: make(map[*task]struct{}),
		byID: make(map[string]*task), unknown: make(map[string]*stranger),
		reserved: make(map[*tracked]place),
	}
}

// spec returns what a task for the session would be started for; its token
// names the n-th task that this start of the session has caused.
func (p *pool) spec(s *session.Session, n int) TaskSpec {
	value := sessionVariables(s.ID, s.ClientID)
	key, _ := Expand(p.Key, value) // Validate has checked the templates
	base, _ := Expand(p.Base, func(name string) (string, bool) {
		v, ok := value(name)
		return url.PathEscape(v), ok
	})
	return TaskSpec{
		Pool: p.Name, Key: key, SessionID: s.ID, ClientID: s.ClientID, Base: base,
		Token: fmt.Sprintf("%s/%s/%s/%d/%d", p.Name, key, s.ID, s.Generation, n),
	}
}

// knows reports whether there is a task with the token, as far as it is known
// here.
func (p *pool) knows(token string) bool {
	for t := range p.tasks {
		if t.spec.Token == token {
			return true
		}
	}
	for _, v := range p.unknown {
		if v.Spec.Token == token {
			return true
		}
	}
	return false
}
