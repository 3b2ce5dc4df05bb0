//go:build unix

package ecstest

import (
	"context"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Process is a process of this machine that takes the place of a container.
type Process struct {
	// Dir is its working folder.
	Dir string
	// Args are the command and its arguments. It has to listen on the container's
	// IP.
	Args []string
	// Env is added to the environment of this process.
	Env []string
	// Output takes what it prints. Nil discards it.
	Output io.Writer
}

// stopTimeout is the time between SIGTERM and SIGKILL.
const stopTimeout = 10 * time.Second

// guarded runs a command in the place of the shell, beside a process that kills
// the whole group at the end of file descriptor 3: the kernel closes it when the
// fake dies, however it does. The guard also keeps the group's id from being
// used again before that.
const guarded = `{ trap "" TERM; cat; kill -KILL -$$; } <&3 3<&- >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-`

// Exec returns a container that runs a process. It is stopped with all that it
// has started, also if the fake's own process is killed.
func Exec(process func(Container) Process) func(context.Context, Container) error {
	return func(ctx context.Context, c Container) error {
		p := process(c)
		cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", guarded, "sh"}, p.Args...)...) //nolint:gosec // the caller's command
		cmd.Dir, cmd.Env = p.Dir, append(os.Environ(), p.Env...)
		cmd.Stdout, cmd.Stderr = p.Output, p.Output
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
		cmd.WaitDelay = stopTimeout
		theirs, ours, err := os.Pipe()
		if err != nil {
			return err
		}
		defer ours.Close()
		cmd.ExtraFiles = []*os.File{theirs}
		err = cmd.Start()
		theirs.Close()
		if err != nil {
			return err
		}
		err = cmd.Wait()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it has started, and the guard
		return err
	}
}
