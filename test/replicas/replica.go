//go:build unix

package replicas

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// ReplicaOptions are the settings of a [Replica]. All but Output are required.
type ReplicaOptions struct {
	// Binary is Warmgate, Config its configuration file.
	Binary, Config string
	// Listen and Admin are the addresses of its public and its admin listener; they go before those of the file.
	Listen, Admin string
	// Env is its environment besides this process's own.
	Env []string
	// Output takes what it prints. Nil discards it.
	Output io.Writer
}

// Replica is one process of Warmgate, in a process group of its own: what a terminal sends to ours does not reach it.
// Make it with [NewReplica]. Not safe for concurrent use, but for Address and Admin.
type Replica struct {
	opts   ReplicaOptions
	cmd    *exec.Cmd
	exited chan struct{}
}

// NewReplica returns a replica that does not run yet.
func NewReplica(o ReplicaOptions) *Replica { return &Replica{opts: o} }

// Address is that of its public listener, as host:port.
func (r *Replica) Address() string { return r.opts.Listen }

// Admin is the address of its admin listener, as host:port.
func (r *Replica) Admin() string { return r.opts.Admin }

// Command returns a command of the same binary with the replica's configuration.
func (r *Replica) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.opts.Binary, append(args, "--config", r.opts.Config)...) //nolint:gosec // the caller's binary
	cmd.Env = append(append(os.Environ(), r.opts.Env...),
		"WARMGATE_LISTEN="+r.opts.Listen, "WARMGATE_ADMIN_LISTEN="+r.opts.Admin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// Start runs the process and returns when it is ready. One that has ended can be started again.
func (r *Replica) Start(ctx context.Context) error {
	r.cmd = r.Command(context.WithoutCancel(ctx), "serve")
	r.cmd.Stdout, r.cmd.Stderr = r.opts.Output, r.opts.Output
	if err := r.cmd.Start(); err != nil {
		return err
	}
	r.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan<- struct{}) {
		_ = cmd.Wait() // how it ended is in its state
		close(exited)
	}(r.cmd, r.exited)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx, http.DefaultClient, r) {
		select {
		case <-tick.C:
		case <-r.exited:
			return fmt.Errorf("replica %s ended: %s", r.opts.Listen, r.cmd.ProcessState)
		case <-ctx.Done():
			r.Kill()
			return ctx.Err()
		}
	}
	return nil
}

// Exited is closed when the process has ended.
func (r *Replica) Exited() <-chan struct{} { return r.exited }

// Running reports whether the process has been started and has not ended.
func (r *Replica) Running() bool {
	select {
	case <-r.exited:
		return false
	default:
		return r.cmd != nil
	}
}

// Signal sends a signal to the process.
func (r *Replica) Signal(s os.Signal) error { return r.cmd.Process.Signal(s) }

// Kill ends the process without giving it a chance to clean up, and waits for its end.
func (r *Replica) Kill() {
	_ = r.cmd.Process.Kill() // it may have ended
	<-r.exited
}

// Stop asks the process to end and waits until it has, at most for the timeout; then it is killed.
func (r *Replica) Stop(timeout time.Duration) error {
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-r.exited:
		return nil
	case <-time.After(timeout):
		r.Kill()
		return fmt.Errorf("replica %s did not end within %s", r.opts.Listen, timeout)
	}
}

// ready asks a replica whether it serves.
func ready(ctx context.Context, client *http.Client, r *Replica) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.opts.Admin+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// Environment returns the variables that keep the AWS SDK of a replica on this machine: credentials that stand-ins accept,
// a region, and nothing of the user's own files.
func Environment() []string {
	return strings.Fields("AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_SESSION_TOKEN= AWS_PROFILE= AWS_REGION=us-west-2 " +
		"AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_ENDPOINT_URL= AWS_ENDPOINT_URL_ECS= AWS_ENDPOINT_URL_DYNAMODB=")
}
