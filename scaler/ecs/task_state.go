package ecs

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/webordinary/warmgate/scaler"
)

// missingFor is how long ECS may not know a task before it counts as gone: it
// knows a new one only after a moment.
const missingFor = 15 * time.Second

// fargateTask is one task as the scaler has it: a task of ECS, or a Spot task
// that found no place and the on-demand one that took over under its identity.
// Guarded by [TaskDriver].mu.
type fargateTask struct {
	id    string
	spec  scaler.TaskSpec
	begun time.Time
	// now is the task of ECS, as it was last described.
	now types.Task
	// former are the tasks that were taken over from, until they have stopped.
	former map[string]struct{}
	// ran: its container has been started once.
	ran bool
	// falling: an on-demand task is being started; fallErr: why there is none.
	falling bool
	fallErr error
	// missing is since when ECS does not know it; vanished: for too long.
	missing  time.Time
	vanished bool
	stopping bool
}

// add notes a task; t must be one of ours. d.mu is held.
func (d *TaskDriver) add(spec scaler.TaskSpec, t types.Task) *fargateTask {
	id := identityOf(&t)
	if old := d.tasks[id]; old != nil {
		return old
	}
	ft := &fargateTask{id: id, spec: spec, begun: time.Now(), former: make(map[string]struct{})}
	ft.describe(t)
	d.tasks[id] = ft
	return ft
}

// identityOf is the ARN of the task, or of the one that it has replaced.
func identityOf(t *types.Task) string {
	if first := tagValue(t, tagReplaces); first != "" {
		return first
	}
	return aws.ToString(t.TaskArn)
}

// describe takes over what ECS says of the current task.
func (t *fargateTask) describe(now types.Task) {
	t.now, t.missing, t.vanished = now, time.Time{}, false
	t.ran = t.ran || contained(&now)
}

// merge takes over what ECS says of the tasks asked for. d.mu is held.
func (d *TaskDriver) merge(asked []string, found map[string]types.Task) {
	for _, arn := range asked {
		if _, isGone := d.gone[arn]; isGone {
			continue
		}
		if now, ok := found[arn]; ok {
			d.mergeFound(arn, now)
		} else {
			d.mergeMissing(arn)
		}
	}
}

func (d *TaskDriver) mergeFound(arn string, now types.Task) {
	t := d.tasks[identityOf(&now)]
	if t == nil {
		if spec, ours := specOf(&now); ours && stateOf(&now) != scaler.TaskGone {
			d.add(spec, now)
		}
		return
	}
	current := aws.ToString(t.now.TaskArn)
	switch {
	case arn == current:
		t.describe(now)
	case arn != t.id: // it has taken over, here or on another replica
		t.former[current] = struct{}{}
		t.describe(now)
	case stateOf(&now) == scaler.TaskGone:
		delete(t.former, arn)
		d.gone[arn] = time.Now()
	default:
		t.former[arn] = struct{}{}
	}
}

func (d *TaskDriver) mergeMissing(arn string) {
	for _, t := range d.tasks {
		if aws.ToString(t.now.TaskArn) != arn {
			delete(t.former, arn)
			continue
		}
		if t.missing.IsZero() {
			t.missing = time.Now()
		}
		t.vanished = time.Since(t.missing) >= missingFor
	}
}

// leftovers returns the tasks that are to stop and do not do so yet: those that
// were taken over from, and one that took over from a task that is being stopped.
// d.mu is held.
func (d *TaskDriver) leftovers(found map[string]types.Task) []string {
	var arns []string
	for _, t := range d.tasks {
		for arn := range t.former {
			if now, ok := found[arn]; ok && stateOf(&now) != scaler.TaskStopping {
				arns = append(arns, arn)
			}
		}
		if state := stateOf(&t.now); t.stopping && (state == scaler.TaskPending || state == scaler.TaskRunning) {
			arns = append(arns, aws.ToString(t.now.TaskArn))
		}
	}
	return arns
}

// state is how far the task is. One that is to be replaced is pending.
func (d *TaskDriver) state(t *fargateTask) scaler.TaskState {
	switch {
	case t.vanished:
		return scaler.TaskGone
	case t.falling || d.wantsOnDemand(t):
		return scaler.TaskPending
	}
	state := stateOf(&t.now)
	if t.stopping && state != scaler.TaskGone {
		return scaler.TaskStopping
	}
	return state
}

// view is the task as the scaler sees it. d.mu is held.
func (d *TaskDriver) view(t *fargateTask) scaler.Task {
	v := scaler.Task{ID: t.id, Spec: t.spec, State: d.state(t), Steps: stepsOf(&t.now, t.begun)}
	if ip := addressOf(&t.now); ip != "" {
		v.Target = target(t.id, ip, d.opts.Port, d.opts.Ports)
	}
	switch {
	case t.vanished:
		v.Cause = "ECS does not know the task any more"
	case v.State == scaler.TaskGone:
		v.Cause = causeOf(&t.now)
		if t.fallErr != nil {
			v.Cause += "; and on demand: " + t.fallErr.Error()
		}
	}
	return v
}

// over reports whether nothing of the task runs or will run.
func (t *fargateTask) over() bool {
	return !t.falling && len(t.former) == 0 && (t.vanished || stateOf(&t.now) == scaler.TaskGone)
}
