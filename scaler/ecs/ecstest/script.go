package ecstest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Launch is a task that is about to be made.
type Launch struct {
	// N counts the tasks of the Fake, from 0.
	N int
	// CapacityProvider is "FARGATE_SPOT" or "FARGATE".
	CapacityProvider string
	// Service is the service that starts it, empty for RunTask.
	Service string
	// Tags of the task.
	Tags map[string]string
}

// Script is how a task behaves. The zero value runs at once.
type Script struct {
	// Refusal is the reason in the failures of RunTask, which answers 200 all
	// the same and makes no task. In a service it is an event.
	Refusal string
	// MissingFor is how long DescribeTasks and ListTasks do not know it yet.
	MissingFor time.Duration
	// Unplaced keeps it in PROVISIONING.
	Unplaced bool
	// Provisioning, Pulling and Activating are how long it takes for these.
	Provisioning time.Duration
	Pulling      time.Duration
	Activating   time.Duration
	// Ending, if set, ends it by itself.
	Ending *Ending
	// StopDelay is how long it takes to stop, at least.
	StopDelay time.Duration
}

// Ending is how a task ends without having been asked to.
type Ending struct {
	// After is the time since the task was made.
	After time.Duration
	// Code is its stopCode, Reason its stoppedReason.
	Code   string
	Reason string
	// ExitCode and ContainerReason are its container's.
	ExitCode        *int
	ContainerReason string
}

// Container is what runs in a task.
type Container struct {
	TaskARN string
	// IP is the task's own address, on the loopback network.
	IP string
	// Service is the service of the task, if it has one.
	Service string
	// Env and Command are the overrides of RunTask.
	Env     map[string]string
	Command []string
	// Tags of the task.
	Tags map[string]string
}

// Serve returns a container that serves HTTP on the port of its task's address.
func Serve(port int, handler func(Container) http.Handler) func(context.Context, Container) error {
	return func(ctx context.Context, c Container) error {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort(c.IP, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		server := &http.Server{Handler: handler(c), ReadHeaderTimeout: time.Minute}
		stop := context.AfterFunc(ctx, func() { server.Close() })
		defer stop()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}
