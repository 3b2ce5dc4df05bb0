package ecs

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/webordinary/warmgate/scaler"
)

// stopReason is what ECS shows as the reason of a stop.
const stopReason = "Warmgate does not need it any more"

// Stop implements [scaler.Driver]. A task counts as gone when ECS says that its
// containers have ended.
func (d *TaskDriver) Stop(ctx context.Context, id string) error {
	t, err := d.beginStop(ctx, id)
	if err != nil || t == nil {
		return err
	}
	for {
		d.mu.Lock()
		over, moved := t.over(), d.moved
		if over {
			d.forget(t)
		}
		d.mu.Unlock()
		if over {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("task %s has not stopped yet: %w", id, ctx.Err())
		}
	}
}

// beginStop asks for the end of the task; nil means that there is none.
func (d *TaskDriver) beginStop(ctx context.Context, id string) (*fargateTask, error) {
	d.mu.Lock()
	t := d.tasks[id]
	_, isGone := d.gone[id]
	arn := id
	if t != nil {
		t.stopping = true
		arn = aws.ToString(t.now.TaskArn)
	}
	done := t == nil && isGone || t != nil && t.over()
	d.mu.Unlock()
	if done {
		return t, nil
	}
	exists, err := d.client.stopTask(ctx, d.opts.Cluster, arn, stopReason)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case t == nil && !exists:
		return nil, nil //nolint:nilnil // there is no such task
	case t == nil: // one of another replica, which was not listed yet
		t = d.add(scaler.TaskSpec{Pool: d.opts.Pool}, types.Task{TaskArn: &arn, DesiredStatus: aws.String(statusStopped)})
		t.stopping = true
	case !exists && arn == aws.ToString(t.now.TaskArn):
		t.vanished = true
	}
	d.tell()
	d.poll.kick()
	return t, nil
}

// forget drops a task that has stopped. d.mu is held.
func (d *TaskDriver) forget(t *fargateTask) {
	d.gone[t.id], d.gone[aws.ToString(t.now.TaskArn)] = time.Now(), time.Now()
	if d.tasks[t.id] == t {
		delete(d.tasks, t.id)
		d.tell()
	}
}
