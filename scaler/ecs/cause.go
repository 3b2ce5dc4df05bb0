package ecs

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Exit codes beyond this one stand for the signal that ended the process.
const signalBase = 128

// causeOf says in words for people why a task has stopped.
func causeOf(t *types.Task) string {
	reason := strings.TrimSpace(aws.ToString(t.StoppedReason))
	if reason == "" {
		reason = "no reason is given"
	}
	switch t.StopCode {
	case types.TaskStopCodeTaskFailedToStart:
		return failedToStart(reason)
	case types.TaskStopCodeEssentialContainerExited:
		return exited(t, reason)
	case types.TaskStopCodeSpotInterruption, types.TaskStopCodeTerminationNotice:
		return "AWS has taken the Spot capacity of the task back: " + reason
	case types.TaskStopCodeUserInitiated:
		return "somebody has stopped the task: " + reason
	case types.TaskStopCodeServiceSchedulerInitiated:
		return "the ECS service has stopped the task: " + reason
	case types.TaskStopCodeInfrastructureHealth:
		return "the machine below the task has failed: " + reason
	}
	return "the task has stopped: " + reason
}

// failedToStart puts the usual mistakes into words; the reason follows as it is.
func failedToStart(reason string) string {
	for _, known := range []struct{ sign, words string }{
		{"CannotPull", "the container image cannot be fetched"},
		{"ResourceInitializationError", "the task cannot be set up (its network, secrets or log group)"},
		{"CannotCreateContainer", "the container cannot be made"},
		{"CannotStartContainer", "the container cannot be started"},
		{"OutOfMemory", "the container has run out of memory"},
	} {
		if strings.Contains(reason, known.sign) {
			return known.words + ": " + reason
		}
	}
	if lacksCapacity(reason) {
		return "AWS has no room for the task now: " + reason
	}
	return "the task could not start: " + reason
}

// exited names the container that has ended first, and how.
func exited(t *types.Task, reason string) string {
	for _, c := range t.Containers {
		if c.ExitCode == nil && aws.ToString(c.Reason) == "" {
			continue
		}
		words := fmt.Sprintf("its container %q has ended", aws.ToString(c.Name))
		if c.ExitCode != nil {
			words += fmt.Sprintf(" with exit code %d", *c.ExitCode)
			if *c.ExitCode == signalBase+9 {
				words += " (killed, perhaps for want of memory)"
			}
		}
		if why := aws.ToString(c.Reason); why != "" {
			words += ": " + why
		}
		return words
	}
	return "a container of the task has ended: " + reason
}
