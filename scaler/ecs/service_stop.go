package ecs

import (
	"context"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/scaler"
)

// restartPatience is how long the desired count stays after a task is gone: who
// used it is likely to ask for another, and ECS is starting one already.
const restartPatience = 5 * time.Second

// Stop implements [scaler.Driver]. The victim is ECS's choice among the tasks
// without protection, so that a stop is confirmed when the task has ended, or
// serves another slot. In a service that is only observed it is confirmed at once.
func (d *ServiceDriver) Stop(ctx context.Context, id string) error {
	s, err := d.beginStop(ctx, id)
	if err != nil || s == nil {
		return err
	}
	for {
		d.mu.Lock()
		over, moved := d.over(s), d.moved
		if over {
			delete(d.leaving, id)
			d.tell()
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

// beginStop ends the task's protection, takes its slot off the roster and sets
// the desired count. It returns nil if there is no such slot.
func (d *ServiceDriver) beginStop(ctx context.Context, id string) (*slot, error) {
	r, err := d.rosters.read(ctx)
	if err != nil {
		return nil, err
	}
	d.learn(r)
	d.mu.Lock()
	s := d.leaving[id]
	if listed := r.find(withID(id)); listed != nil {
		s = *listed
	}
	if s.ID == "" {
		d.mu.Unlock()
		return nil, nil //nolint:nilnil // there is no such slot
	}
	d.leaving[id] = s // nobody protects it again from here on
	gone := d.stateOf(&s) == scaler.TaskGone
	d.tell()
	d.mu.Unlock()
	if !gone && s.Task != "" {
		if _, _, err := d.client.protect(ctx, d.opts.Cluster, []string{s.Task}, false, 0); err != nil {
			return nil, err
		}
	}
	if err := d.drop(ctx, id); err != nil {
		return nil, err
	}
	d.mu.Lock()
	delete(d.protected, s.Task)
	if gone {
		d.service(s.Service).patience = time.Now().Add(restartPatience)
	}
	d.mu.Unlock()
	d.poll.kick()
	if gone {
		return &s, nil
	}
	return &s, d.mirror(ctx, s.Service)
}

// over reports whether nothing of the slot is left. d.mu is held.
func (d *ServiceDriver) over(s *slot) bool {
	return s.Task == "" || d.stateOf(s) == scaler.TaskGone || d.service(s.Service).observed ||
		d.roster.find(withTask(s.Task)) != nil
}
