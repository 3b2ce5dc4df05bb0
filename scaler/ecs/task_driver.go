package ecs

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

var _ scaler.Driver = (*TaskDriver)(nil)

// TaskDriver runs each task by itself. Make it with [NewTaskDriver].
type TaskDriver struct {
	opts    TaskOptions
	client  *Client
	log     *slog.Logger
	poll    *poller
	changed chan struct{}
	// work is the starts in the background; background ends them.
	work       sync.WaitGroup
	background context.Context
	shut       context.CancelFunc

	mu    sync.Mutex
	open  bool
	tasks map[string]*fargateTask // by identity
	// gone are the ARNs that were confirmed as stopped: ECS goes on to tell of
	// them for an hour.
	gone map[string]time.Time
	// moved is closed and replaced when something may have changed.
	moved chan struct{}
}

// NewTaskDriver returns a driver that has asked nothing yet; every mistake in o
// is reported as a [*session.InvalidError].
func NewTaskDriver(o TaskOptions) (*TaskDriver, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	d := &TaskDriver{
		opts: o, client: o.Client, log: o.Logger, changed: make(chan struct{}, 1),
		tasks: make(map[string]*fargateTask), gone: make(map[string]time.Time), moved: make(chan struct{}),
	}
	d.poll = newPoller(d.ask, d.pace, o.Logger)
	d.background, d.shut = context.WithCancel(context.Background())
	return d, nil
}

// Recover implements [scaler.Driver]: it finds the tasks that this pool has, and
// begins to watch them. ECS out of reach is no reason not to begin.
func (d *TaskDriver) Recover(ctx context.Context) error {
	d.mu.Lock()
	d.open = true
	d.mu.Unlock()
	err := d.poll.fresh(ctx, 0)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		d.log.WarnContext(ctx, "cannot look for tasks of an earlier run yet", "error", err)
	}
	d.poll.start()
	return nil
}

// Tasks implements [scaler.Driver]; what it returns is not older than a second.
func (d *TaskDriver) Tasks(ctx context.Context) ([]scaler.Task, error) {
	if err := d.poll.fresh(ctx, freshFor); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	tasks := make([]scaler.Task, 0, len(d.tasks))
	for _, t := range d.tasks {
		tasks = append(tasks, d.view(t))
	}
	return tasks, nil
}

// Changed implements [scaler.Driver].
func (d *TaskDriver) Changed() <-chan struct{} { return d.changed }

// Close implements [scaler.Driver]; the tasks go on.
func (d *TaskDriver) Close(context.Context) error {
	d.mu.Lock()
	d.open = false
	d.mu.Unlock()
	d.shut()
	d.poll.stop()
	d.work.Wait()
	return nil
}

// errClosed is the answer before Recover and after Close.
var errClosed = fmt.Errorf("the ECS driver is not open: %w", session.ErrUnavailable)

// wake has the stops look that wait. d.mu is held.
func (d *TaskDriver) wake() {
	close(d.moved)
	d.moved = make(chan struct{})
}

// tell has everybody look who waits for a change. d.mu is held.
func (d *TaskDriver) tell() {
	d.wake()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// pace is how soon ECS is to be asked.
func (d *TaskDriver) pace() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	pace := time.Duration(0)
	for _, t := range d.tasks {
		if state := d.view(t).State; t.stopping || len(t.former) > 0 || state == scaler.TaskPending || state == scaler.TaskStopping {
			return briskPace
		}
		pace = calmPace
	}
	return pace
}

// ask brings what is known of the tasks up to date.
func (d *TaskDriver) ask(ctx context.Context, thorough bool) error {
	arns := d.known()
	if thorough {
		listed, err := d.client.listTasks(ctx, &ecs.ListTasksInput{Cluster: &d.opts.Cluster, StartedBy: &d.opts.StartedBy})
		if err != nil {
			return err
		}
		arns = d.union(arns, listed)
	}
	if len(arns) == 0 {
		return nil
	}
	found, err := d.client.describeTasks(ctx, d.opts.Cluster, arns)
	if err != nil {
		return err
	}
	d.mu.Lock()
	before := d.views()
	d.merge(arns, found)
	d.wake()
	if !reflect.DeepEqual(before, d.views()) {
		d.tell()
	}
	d.fallBack()
	leftovers := d.leftovers(found)
	d.mu.Unlock()
	for _, arn := range leftovers {
		if _, err := d.client.stopTask(ctx, d.opts.Cluster, arn, stopReason); err != nil {
			return err
		}
	}
	return nil
}

// views returns what Tasks would, by identity. d.mu is held.
func (d *TaskDriver) views() map[string]scaler.Task {
	views := make(map[string]scaler.Task, len(d.tasks))
	for id, t := range d.tasks {
		views[id] = d.view(t)
	}
	return views
}

// known returns the ARNs to ask for.
func (d *TaskDriver) known() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var arns []string
	for _, t := range d.tasks {
		arns = append(arns, aws.ToString(t.now.TaskArn))
		for arn := range t.former {
			arns = append(arns, arn)
		}
	}
	for arn, at := range d.gone {
		if time.Since(at) > goneMemory {
			delete(d.gone, arn)
		}
	}
	return arns
}

// goneMemory is longer than ECS remembers a stopped task.
const goneMemory = 3 * time.Hour

// union adds the listed tasks that are not known as gone.
func (d *TaskDriver) union(arns, listed []string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := make(map[string]bool, len(arns))
	for _, arn := range arns {
		known[arn] = true
	}
	for _, arn := range listed {
		if _, isGone := d.gone[arn]; !known[arn] && !isGone {
			arns = append(arns, arn)
		}
	}
	return arns
}
