package ecs

import (
	"net"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// The states of a task that mean something here (ECS developer guide, task
// lifecycle).
const (
	statusProvisioning   = "PROVISIONING"
	statusActivating     = "ACTIVATING"
	statusRunning        = "RUNNING"
	statusDeactivating   = "DEACTIVATING"
	statusStopping       = "STOPPING"
	statusDeprovisioning = "DEPROVISIONING"
	statusStopped        = "STOPPED"
)

// privateIP is the detail of a network attachment that has the task's address.
// It is told apart by its name: the attachment's type differs between the API
// and events.
const privateIP = "privateIPv4Address"

// stateOf returns how far a task is. It counts as running once its container may
// listen, which ECS says some seconds later; nothing of it runs any more once it
// is DEPROVISIONING.
func stateOf(t *types.Task) scaler.TaskState {
	switch aws.ToString(t.LastStatus) {
	case statusDeprovisioning, statusStopped:
		return scaler.TaskGone
	case statusDeactivating, statusStopping:
		return scaler.TaskStopping
	}
	switch {
	case aws.ToString(t.DesiredStatus) == statusStopped:
		return scaler.TaskStopping
	case addressOf(t) != "" && contained(t):
		return scaler.TaskRunning
	}
	return scaler.TaskPending
}

// contained reports whether the container has been started.
func contained(t *types.Task) bool {
	status := aws.ToString(t.LastStatus)
	return status == statusActivating || status == statusRunning || t.PullStoppedAt != nil
}

// addressOf returns the task's IP address, empty while it has none.
func addressOf(t *types.Task) string {
	for _, a := range t.Attachments {
		for _, d := range a.Details {
			if aws.ToString(d.Name) == privateIP {
				return aws.ToString(d.Value)
			}
		}
	}
	return ""
}

// target returns where the task with this address listens.
func target(id, ip string, port int, ports []int) session.Target {
	t := session.Target{TaskID: id, Addr: net.JoinHostPort(ip, strconv.Itoa(port))}
	for _, number := range ports {
		if t.Ports == nil {
			t.Ports = make(map[int]string)
		}
		t.Ports[number] = net.JoinHostPort(ip, strconv.Itoa(number))
	}
	return t
}

// stepsOf returns the phases that the task has reached. begun is when it was
// first heard of here, for what ECS gives no time for.
func stepsOf(t *types.Task, begun time.Time) []session.Step {
	var steps []session.Step
	last := time.Time{}
	add := func(phase session.Phase, times ...*time.Time) {
		for _, at := range times {
			if at != nil {
				if at.After(last) {
					last = *at
				}
				steps = append(steps, session.Step{Phase: phase, At: last.UTC()})
				return
			}
		}
	}
	add(session.PhaseProvisioning, t.CreatedAt, &begun)
	add(session.PhasePulling, t.PullStartedAt)
	if contained(t) {
		add(session.PhaseStarting, t.PullStoppedAt, t.StartedAt, &last)
	}
	return steps
}
