package ecs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

var _ scaler.Driver = (*ServiceDriver)(nil)

// ServiceDriver sets the desired count of services. Make it with
// [NewServiceDriver].
type ServiceDriver struct {
	opts    ServiceOptions
	client  *Client
	rosters rosters
	log     *slog.Logger
	poll    *poller
	changed chan struct{}
	// mirroring serializes the calls of UpdateService.
	mirroring sync.Mutex
	// rest is after errors in settle, for the poller alone.
	rest respite

	mu   sync.Mutex
	open bool
	// roster is the newest one read or written here.
	roster roster
	// tasks of the services as last described, by ARN; missing is since when ECS
	// does not know one that a slot has.
	tasks   map[string]types.Task
	missing map[string]time.Time
	// protected is until when a task is protected.
	protected map[string]time.Time
	services  map[string]*serviceState
	// leaving are the slots that Stop was called for, until that is confirmed.
	leaving map[string]slot
	// trouble is why roster and services do not fit together, nil if they do.
	trouble error
	moved   chan struct{}
}

// serviceState is what is known of a service.
type serviceState struct {
	described   types.Service
	describedAt time.Time
	// mirrored is the version of the roster that its desired count was set from;
	// zero if that does not count any more.
	mirrored   int64
	mirroredAt time.Time
	// patience is until when a lower desired count can wait: a task that is gone
	// is likely to be asked for again at once, and ECS has replaced it by itself.
	patience time.Time
	// checked: it is known whether a scaling policy is live; observed: one is.
	checked, observed bool
}

// exists reports whether ECS knows the service.
func (s *serviceState) exists() bool { return s.described.ServiceName != nil }

// NewServiceDriver returns a driver that has asked nothing yet; every mistake in
// o is reported as a [*session.InvalidError].
func NewServiceDriver(o ServiceOptions) (*ServiceDriver, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	d := &ServiceDriver{
		opts: o, client: o.Client, log: o.Logger, changed: make(chan struct{}, 1),
		rosters: rosters{records: o.Records, key: "ecs-service/" + o.Cluster + "/" + o.Pool},
		tasks:   make(map[string]types.Task), missing: make(map[string]time.Time), protected: make(map[string]time.Time),
		services: make(map[string]*serviceState), leaving: make(map[string]slot), moved: make(chan struct{}),
	}
	d.poll = newPoller(d.ask, d.pace, o.Logger)
	return d, nil
}

// Recover implements [scaler.Driver]: it reads what is wanted and begins to
// watch the services. ECS out of reach is no reason not to begin.
func (d *ServiceDriver) Recover(ctx context.Context) error {
	d.mu.Lock()
	d.open = true
	d.mu.Unlock()
	err := d.poll.fresh(ctx, 0)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		d.log.WarnContext(ctx, "cannot look at the ECS services yet", "error", err)
	}
	d.poll.start()
	return nil
}

// Start implements [scaler.Driver]: one more slot on the roster, and the desired
// count after it.
func (d *ServiceDriver) Start(ctx context.Context, spec scaler.TaskSpec) (string, error) {
	d.mu.Lock()
	open, ended := d.open, d.endedSlots()
	d.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case !open:
		return "", errClosed
	}
	service, id := d.opts.ServiceName(spec), ""
	err := d.edit(ctx, func(r *roster) bool {
		if s := r.find(withToken(spec.Token)); s != nil {
			id = s.ID
			return false
		}
		for i := range r.Slots { // ECS has replaced their tasks by itself
			if s := &r.Slots[i]; s.Service == service && ended[s.ID] {
				s.Ended = true
			}
		}
		id = r.add(service, spec, "").ID
		return true
	})
	if err != nil {
		return "", err
	}
	if err := d.mirror(ctx, service); err != nil {
		if !errors.Is(err, session.ErrUnavailable) {
			_ = d.drop(context.WithoutCancel(ctx), id) // what cannot be dropped now is a stranger to the scaler
		}
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tell()
	d.poll.kick()
	return id, nil
}

// edit changes the roster.
func (d *ServiceDriver) edit(ctx context.Context, change func(*roster) bool) error {
	d.mu.Lock()
	known := d.roster
	d.mu.Unlock()
	r, err := d.rosters.edit(ctx, known, change)
	d.learn(r)
	return err
}

// learn takes over a roster unless a newer one is known.
func (d *ServiceDriver) learn(r roster) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.version > d.roster.version {
		d.roster = r
	}
}

// drop takes a slot off the roster.
func (d *ServiceDriver) drop(ctx context.Context, id string) error {
	return d.edit(ctx, func(r *roster) bool {
		before := len(r.Slots)
		r.Slots = slices.DeleteFunc(r.Slots, func(s slot) bool { return s.ID == id })
		return len(r.Slots) < before
	})
}

// Tasks implements [scaler.Driver]; what it returns is not older than a second.
func (d *ServiceDriver) Tasks(ctx context.Context) ([]scaler.Task, error) {
	if err := d.poll.fresh(ctx, freshFor); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var tasks []scaler.Task
	for _, v := range d.views() {
		log := d.events(v.service)
		v.Log = func() []string { return log }
		tasks = append(tasks, v.Task)
	}
	return tasks, nil
}

// Changed implements [scaler.Driver].
func (d *ServiceDriver) Changed() <-chan struct{} { return d.changed }

// Close implements [scaler.Driver]; the tasks go on.
func (d *ServiceDriver) Close(context.Context) error {
	d.mu.Lock()
	d.open = false
	d.mu.Unlock()
	d.poll.stop()
	return nil
}

// wake has the stops look that wait. d.mu is held.
func (d *ServiceDriver) wake() {
	close(d.moved)
	d.moved = make(chan struct{})
}

// tell has everybody look who waits for a change. d.mu is held.
func (d *ServiceDriver) tell() {
	d.wake()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// service returns what is known of the service. d.mu is held.
func (d *ServiceDriver) service(name string) *serviceState {
	if d.services[name] == nil {
		d.services[name] = &serviceState{}
	}
	return d.services[name]
}
