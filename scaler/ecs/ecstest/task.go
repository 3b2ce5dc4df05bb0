package ecstest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"time"
)

// The states of a task that are played here.
const (
	provisioning   = "PROVISIONING"
	pending        = "PENDING"
	activating     = "ACTIVATING"
	running        = "RUNNING"
	stopping       = "STOPPING"
	deprovisioning = "DEPROVISIONING"
	stopped        = "STOPPED"
)

// task is one task; guarded by [Fake].mu.
type task struct {
	wire    wireTask
	service *service
	script  Script
	made    time.Time
	c       Container
	// cancel ends its container; ended is closed when that has happened. Nil
	// before it has begun.
	cancel context.CancelFunc
	ended  chan struct{}
	// protectedUntil is when its protection from scale-in ends.
	protectedUntil time.Time
}

// launch makes a task. f.mu is held.
func (f *Fake) launch(w wireTask, s *service, override *containerOverride, script Script) *task {
	t := &task{wire: w, service: s, script: script, made: time.Now()}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	t.wire.TaskARN, t.wire.ClusterARN = f.arn("task", hex.EncodeToString(id)), f.clusterARN()
	t.wire.LastStatus, t.wire.DesiredStatus = provisioning, running
	t.wire.CreatedAt, t.wire.Version = seconds(t.made), 1
	t.wire.Attachments = []attachment{{ID: "eni", Type: "ElasticNetworkInterface", Status: "PRECREATED", Details: []keyValue{{"subnetId", "subnet-1"}}}}
	t.wire.Containers = []wireContainer{{Name: "astro", LastStatus: pending}}
	t.c = Container{TaskARN: t.wire.TaskARN, IP: f.address(), Env: make(map[string]string), Tags: tagMap(w.Tags)}
	if s != nil {
		t.c.Service = s.name
	}
	if override != nil {
		t.wire.Containers[0].Name, t.c.Command = override.Name, override.Command
		for _, kv := range override.Environment {
			t.c.Env[kv.Name] = kv.Value
		}
	}
	f.tasks = append(f.tasks, t)
	f.byARN[t.wire.TaskARN] = t
	if e := script.Ending; e != nil {
		f.after(e.After, func() { f.end(t, e) })
	}
	if !script.Unplaced {
		f.after(script.Provisioning, func() { f.pull(t) })
	}
	return t
}

// after calls do once d has passed, with f.mu held, unless f is closed before.
func (f *Fake) after(d time.Duration, do func()) {
	time.AfterFunc(d, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.closed {
			do()
		}
	})
}

// status takes the task to a state.
func (t *task) status(name string) {
	t.wire.LastStatus = name
	t.wire.Version++
}

// wanted reports whether the task is not to stop.
func (t *task) wanted() bool { return t.wire.DesiredStatus == running }

func (f *Fake) pull(t *task) {
	if !t.wanted() {
		return
	}
	t.status(pending)
	t.wire.PullStartedAt = seconds(time.Now())
	t.wire.Attachments[0].Status = "ATTACHED"
	t.wire.Attachments[0].Details = append(t.wire.Attachments[0].Details,
		keyValue{"networkInterfaceId", "eni-1"}, keyValue{"privateIPv4Address", t.c.IP})
	f.after(t.script.Pulling, func() { f.activate(t) })
}

func (f *Fake) activate(t *task) {
	if !t.wanted() {
		return
	}
	t.status(activating)
	t.wire.PullStoppedAt = seconds(time.Now())
	t.wire.Containers[0].LastStatus = running
	f.contain(t)
	f.after(t.script.Activating, func() {
		if t.wanted() {
			t.status(running)
			t.wire.StartedAt = seconds(time.Now())
		}
	})
}

// contain starts the container.
func (f *Fake) contain(t *task) {
	var ctx context.Context
	ctx, t.cancel = context.WithCancel(f.quit)
	t.ended = make(chan struct{})
	run := f.opts.Run
	if run == nil {
		run = func(ctx context.Context, _ Container) error { <-ctx.Done(); return ctx.Err() }
	}
	f.containers.Go(func() {
		err := run(ctx, t.c)
		close(t.ended)
		if ctx.Err() != nil {
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		code := 0
		reason := ""
		if err != nil {
			code, reason = 1, err.Error()
		}
		f.end(t, &Ending{
			Code: "EssentialContainerExited", Reason: "Essential container in task exited", ExitCode: &code, ContainerReason: reason,
		})
	})
}

// end lets a task end for a reason of its own.
func (f *Fake) end(t *task, e *Ending) {
	if !t.wanted() {
		return
	}
	t.wire.Containers[0].ExitCode, t.wire.Containers[0].Reason = e.ExitCode, e.ContainerReason
	f.stop(t, e.Code, e.Reason)
}

// stop begins to stop a task, whoever has asked for it.
func (f *Fake) stop(t *task, code, reason string) {
	if !t.wanted() {
		return
	}
	t.wire.DesiredStatus, t.wire.StopCode, t.wire.StoppedReason = stopped, code, reason
	t.wire.StoppingAt = seconds(time.Now())
	if t.cancel == nil {
		t.status(deprovisioning)
	} else {
		t.status(stopping)
		t.cancel()
	}
	f.after(t.script.StopDelay, func() {
		f.containers.Go(func() {
			if t.ended != nil {
				<-t.ended
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			t.status(stopped)
			t.wire.Containers[0].LastStatus = stopped
			t.wire.StoppedAt = seconds(time.Now())
		})
	})
	if t.service != nil {
		f.settle(t.service)
	}
}

// visible reports whether the API knows the task yet.
func (t *task) visible() bool { return time.Since(t.made) >= t.script.MissingFor }

// Interrupt takes the capacity of a Spot task away.
func (f *Fake) Interrupt(taskARN string) {
	f.endByARN(taskARN, &Ending{Code: "SpotInterruption", Reason: "Your Spot Task was interrupted."})
}

// Crash ends a task's container with the exit code.
func (f *Fake) Crash(taskARN string, exitCode int) {
	f.endByARN(taskARN, &Ending{Code: "EssentialContainerExited", Reason: "Essential container in task exited", ExitCode: &exitCode})
}

func (f *Fake) endByARN(taskARN string, e *Ending) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.byARN[taskARN]; t != nil {
		f.end(t, e)
	}
}

// Forget removes a task as if it had stopped long ago.
func (f *Fake) Forget(taskARN string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.byARN[taskARN]; t != nil {
		f.stop(t, "", "")
		delete(f.byARN, taskARN)
	}
}

// Running returns the ARNs of the tasks that are not asked to stop, in the order
// of their making.
func (f *Fake) Running() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var arns []string
	for _, t := range f.tasks {
		if t.wanted() {
			arns = append(arns, t.wire.TaskARN)
		}
	}
	return arns
}

// Provider returns the capacity provider of a task.
func (f *Fake) Provider(taskARN string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.byARN[taskARN]; t != nil {
		return t.wire.CapacityProviderName
	}
	return ""
}

// Tags returns the tags of a task.
func (f *Fake) Tags(taskARN string) map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.byARN[taskARN]; t != nil {
		return maps.Clone(tagMap(t.wire.Tags))
	}
	return nil
}

func tagMap(tags []tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}
