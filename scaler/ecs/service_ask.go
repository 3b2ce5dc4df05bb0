package ecs

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/webordinary/warmgate/scaler"
)

// ask brings what is known of the services up to date, gives slots their tasks,
// protects these, and puts desired counts right.
func (d *ServiceDriver) ask(ctx context.Context, thorough bool) error {
	r, err := d.rosters.read(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	before := d.views()
	d.mu.Unlock()
	d.learn(r)
	d.mu.Lock()
	services := slices.Clone(d.roster.Services)
	if fixed, is := d.opts.fixed(); is && !slices.Contains(services, fixed) {
		services = append(services, fixed)
	}
	for _, s := range d.leaving { // its service may be off the roster already
		if !slices.Contains(services, s.Service) {
			services = append(services, s.Service)
		}
	}
	waiting := d.roster.find(func(s *slot) bool { return s.Task == "" }) != nil || len(d.leaving) > 0
	d.mu.Unlock()
	if len(services) == 0 {
		return nil
	}
	if thorough || waiting {
		if err := d.look(ctx, services); err != nil {
			return err
		}
	}
	if err := d.describe(ctx, services, thorough || waiting); err != nil {
		return err
	}
	d.settle(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wake()
	if !reflect.DeepEqual(before, d.views()) {
		d.tell()
	}
	return nil
}

// look asks for the services themselves.
func (d *ServiceDriver) look(ctx context.Context, services []string) error {
	for _, name := range services {
		_ = d.checkPolicies(ctx, name) // no count is set before it is known
	}
	began := time.Now()
	described, err := d.client.describeServices(ctx, d.opts.Cluster, services)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range services {
		s := d.service(name)
		s.described, s.describedAt = described[name], began
	}
	return nil
}

// describe asks for the tasks: those that are known, and those that are listed.
func (d *ServiceDriver) describe(ctx context.Context, services []string, list bool) error {
	d.mu.Lock()
	arns := make(map[string]struct{})
	for i := range d.roster.Slots {
		arns[d.roster.Slots[i].Task] = struct{}{}
	}
	for _, s := range d.leaving {
		arns[s.Task] = struct{}{}
	}
	delete(arns, "")
	services = slices.DeleteFunc(slices.Clone(services), func(name string) bool { return !d.service(name).exists() })
	d.mu.Unlock()
	if list {
		for _, name := range services {
			listed, err := d.client.listTasks(ctx, &ecs.ListTasksInput{Cluster: &d.opts.Cluster, ServiceName: &name})
			if err != nil {
				return err
			}
			for _, arn := range listed {
				arns[arn] = struct{}{}
			}
		}
	}
	if len(arns) == 0 {
		d.mu.Lock()
		defer d.mu.Unlock()
		clear(d.tasks)
		return nil
	}
	found, err := d.client.describeTasks(ctx, d.opts.Cluster, slices.Collect(maps.Keys(arns)))
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takeOver(arns, found)
	return nil
}

// takeOver learns what ECS says of the tasks asked for; others it forgets.
// d.mu is held.
func (d *ServiceDriver) takeOver(asked map[string]struct{}, found map[string]types.Task) {
	for arn := range d.tasks {
		if _, ok := asked[arn]; !ok {
			delete(d.tasks, arn)
		}
	}
	maps.DeleteFunc(d.protected, func(arn string, _ time.Time) bool { _, ok := asked[arn]; return !ok })
	maps.DeleteFunc(d.missing, func(arn string, _ time.Time) bool { _, ok := asked[arn]; return !ok })
	for arn := range asked {
		if t, ok := found[arn]; ok {
			d.tasks[arn] = t
			delete(d.missing, arn)
		} else if d.missing[arn].IsZero() {
			d.missing[arn] = time.Now()
		}
	}
}

// settle makes services, tasks and roster fit together. What cannot be done now
// is tried again, and no reason not to tell what is known.
func (d *ServiceDriver) settle(ctx context.Context) {
	if !d.rest.over() {
		return
	}
	err := d.bind(ctx)
	if err == nil {
		err = d.shield(ctx)
	}
	if err == nil {
		err = d.correct(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	d.mu.Lock()
	d.trouble = err
	d.mu.Unlock()
	if err == nil {
		d.rest = respite{}
		return
	}
	d.rest.begin()
	d.log.WarnContext(ctx, "cannot put a service right", "error", err, "retry_in", d.rest.length)
}

// bind gives each slot without a task one that has no slot. The tasks that run
// when a roster is begun get slots of their own: they stay until the policy has
// them stopped.
func (d *ServiceDriver) bind(ctx context.Context) error {
	return d.edit(ctx, func(r *roster) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		if r.version == 0 && len(r.Slots) == 0 {
			return d.adopt(r)
		}
		before := len(r.Services)
		r.Services = slices.DeleteFunc(r.Services, func(name string) bool { return d.unused(name, r) })
		bound := len(r.Services) < before
		for _, service := range r.Services {
			free := d.bindable(service, r)
			for i := range r.Slots {
				if s := &r.Slots[i]; s.Service == service && s.Task == "" && len(free) > 0 {
					s.Task, free = free[0], free[1:]
					bound = true
				}
			}
		}
		return bound
	})
}

// unused reports whether a service of a template has no slot and no task any
// more. d.mu is held.
func (d *ServiceDriver) unused(name string, r *roster) bool {
	s := d.service(name)
	_, fixed := d.opts.fixed()
	return !fixed && !s.describedAt.IsZero() && s.described.DesiredCount+s.described.RunningCount+s.described.PendingCount == 0 &&
		r.find(func(s *slot) bool { return s.Service == name }) == nil
}

// adopt begins a roster with the tasks that the service has. d.mu is held.
func (d *ServiceDriver) adopt(r *roster) bool {
	service, is := d.opts.fixed()
	if !is {
		return false
	}
	for _, arn := range d.bindable(service, r) {
		r.add(service, scaler.TaskSpec{Pool: d.opts.Pool, Key: d.opts.Key, Base: "/", Token: "found/" + arn}, arn)
	}
	return len(r.Slots) > 0
}

// shield protects the tasks that have a slot from scale-in, and ends that of
// those without where there are too many.
func (d *ServiceDriver) shield(ctx context.Context) error {
	d.mu.Lock()
	var protect, release []string
	for i := range d.roster.Slots {
		s := &d.roster.Slots[i]
		state := d.stateOf(s)
		if s.Task == "" || d.leaving[s.ID].ID != "" || state != scaler.TaskPending && state != scaler.TaskRunning {
			continue
		}
		if _, known := d.tasks[s.Task]; known && time.Until(d.protected[s.Task]) < d.opts.ProtectFor/2 {
			protect = append(protect, s.Task)
		}
	}
	for name, s := range d.services {
		if free := d.bindable(name, &d.roster); int(s.described.RunningCount+s.described.PendingCount) > d.roster.desired(name) {
			release = append(release, free...)
		}
	}
	d.mu.Unlock()
	if len(release) > 0 {
		if _, _, err := d.client.protect(ctx, d.opts.Cluster, release, false, 0); err != nil {
			return err
		}
	}
	if len(protect) == 0 {
		return nil
	}
	until, refused, err := d.client.protect(ctx, d.opts.Cluster, protect, true, d.opts.ProtectFor)
	d.mu.Lock()
	maps.Copy(d.protected, until)
	d.mu.Unlock()
	for arn, reason := range refused {
		d.log.InfoContext(ctx, "a task is not protected from scale-in yet", "task", arn, "reason", reason)
	}
	return err
}
