package ecs

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// stateOf is how far the slot's task is. It runs once it may not be stopped any
// more by a scale-in. d.mu is held.
func (d *ServiceDriver) stateOf(s *slot) scaler.TaskState {
	t, known := d.tasks[s.Task]
	switch {
	case s.Task == "":
		return scaler.TaskPending
	case d.vanished(s.Task):
		return scaler.TaskGone
	case !known:
		return scaler.TaskPending // another replica has seen it first
	}
	state := stateOf(&t)
	if state == scaler.TaskRunning && !time.Now().Before(d.protected[s.Task]) {
		return scaler.TaskPending
	}
	return state
}

// vanished reports whether ECS has not known the task for too long. d.mu is held.
func (d *ServiceDriver) vanished(arn string) bool {
	since := d.missing[arn]
	return !since.IsZero() && time.Since(since) >= missingFor
}

// endedSlots returns the slots whose task is gone. d.mu is held.
func (d *ServiceDriver) endedSlots() map[string]bool {
	ended := make(map[string]bool)
	for i := range d.roster.Slots {
		if s := &d.roster.Slots[i]; d.stateOf(s) == scaler.TaskGone {
			ended[s.ID] = true
		}
	}
	return ended
}

// slotView is a slot as the scaler sees it.
type slotView struct {
	scaler.Task
	service string
}

// views returns the slots of the roster, and those that leave it. d.mu is held.
func (d *ServiceDriver) views() []slotView {
	var views []slotView
	for i := range d.roster.Slots {
		if s := &d.roster.Slots[i]; d.leaving[s.ID].ID == "" {
			views = append(views, d.view(s))
		}
	}
	for _, s := range d.leaving {
		v := d.view(&s)
		if v.State != scaler.TaskGone {
			v.State = scaler.TaskStopping
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b slotView) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return views
}

func (d *ServiceDriver) view(s *slot) slotView {
	v := slotView{scaler.Task{ID: s.ID, Spec: s.Spec, State: d.stateOf(s)}, s.Service}
	t, known := d.tasks[s.Task]
	if !known {
		v.Steps = []session.Step{{Phase: session.PhaseProvisioning, At: s.Asked}}
		if v.State == scaler.TaskGone {
			v.Cause = "ECS does not know the task any more"
		}
		return v
	}
	v.Steps = stepsOf(&t, s.Asked)
	if ip := addressOf(&t); ip != "" {
		v.Target = target(s.ID, ip, d.opts.Port, d.opts.Ports)
	}
	if v.State == scaler.TaskGone {
		v.Cause = causeOf(&t)
	}
	return v
}

// events returns what the service's scheduler has said last, oldest first. It
// tells why no task starts: ECS tries again and again, ever more slowly.
// d.mu is held.
func (d *ServiceDriver) events(service string) []string {
	const most = 10
	s := d.service(service)
	if !s.describedAt.IsZero() && !s.exists() {
		return []string{fmt.Sprintf("there is no ECS service %q in the cluster %q", service, d.opts.Cluster)}
	}
	all := s.described.Events // newest first
	var lines []string
	for _, e := range all[:min(len(all), most)] {
		lines = append(lines, aws.ToString(e.Message))
	}
	slices.Reverse(lines)
	if d.trouble != nil {
		lines = append(lines, d.trouble.Error())
	}
	return lines
}

// pace is how soon ECS is to be asked.
func (d *ServiceDriver) pace() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	pace := time.Duration(0)
	for _, v := range d.views() {
		if v.State == scaler.TaskPending || v.State == scaler.TaskStopping {
			return briskPace
		}
		pace = calmPace
	}
	for name, s := range d.services {
		if s.exists() && !s.observed && int(s.described.DesiredCount) != d.roster.desired(name) {
			pace = calmPace
		}
	}
	return pace
}

// bindable returns the tasks of the service that could serve a slot and have
// none, oldest first. d.mu is held.
func (d *ServiceDriver) bindable(service string, r *roster) []string {
	var free []types.Task
	for arn, t := range d.tasks {
		state := stateOf(&t)
		alive := state == scaler.TaskPending || state == scaler.TaskRunning
		if alive && serviceOf(&t) == service && r.find(withTask(arn)) == nil && d.missing[arn].IsZero() {
			free = append(free, t)
		}
	}
	slices.SortFunc(free, func(a, b types.Task) int { return aws.ToTime(a.CreatedAt).Compare(aws.ToTime(b.CreatedAt)) })
	var arns []string
	for _, t := range free {
		arns = append(arns, aws.ToString(t.TaskArn))
	}
	return arns
}

// serviceOf returns the name of the service that has started the task.
func serviceOf(t *types.Task) string {
	const prefix = "service:"
	if group := aws.ToString(t.Group); len(group) > len(prefix) && group[:len(prefix)] == prefix {
		return group[len(prefix):]
	}
	return ""
}
