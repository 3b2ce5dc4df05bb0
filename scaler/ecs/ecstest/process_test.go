//go:build unix

package ecstest_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
)

// script runs a script of the shell as a container. It may start a process that has the file $FIFO open, and must do so
// before it ends; left is read to its end once no such process is left.
func script(t *testing.T, ctx context.Context, text string) (left io.Reader, ended <-chan error) {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	run := ecstest.Exec(func(c ecstest.Container) ecstest.Process {
		return ecstest.Process{Dir: t.TempDir(), Args: []string{"sh", "-c", text}, Env: []string{"FIFO=" + c.Env["FIFO"]}}
	})
	done := make(chan error, 1)
	go func() { done <- run(ctx, ecstest.Container{Env: map[string]string{"FIFO": fifo}}) }()
	f, err := os.Open(fifo) // returns when the other side is open
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, done
}

// TestExecStopped: a container that is stopped leaves no process behind.
func TestExecStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	left, ended := script(t, ctx, `sleep 1000 >"$FIFO" & wait`)
	stop()
	if err := <-ended; err == nil {
		t.Error("a stopped container ended well")
	}
	if _, err := io.ReadAll(left); err != nil {
		t.Error(err)
	}
}

// TestExecEnded: a container that ends takes all it has started along, and tells its exit code.
func TestExecEnded(t *testing.T) {
	left, ended := script(t, t.Context(), `sleep 1000 >"$FIFO" & : >"$FIFO"; exit 3`)
	if exit, ok := errors.AsType[*exec.ExitError](<-ended); !ok || exit.ExitCode() != 3 {
		t.Errorf("ended with %v, want exit code 3", exit)
	}
	if _, err := io.ReadAll(left); err != nil {
		t.Error(err)
	}
}

// TestExecMissing: a command that does not exist ends the container.
func TestExecMissing(t *testing.T) {
	run := ecstest.Exec(func(ecstest.Container) ecstest.Process {
		return ecstest.Process{Args: []string{"no-such-command"}}
	})
	if err := run(t.Context(), ecstest.Container{}); err == nil {
		t.Error("a command that does not exist ended well")
	}
}
