// Command warmgate is the proxy and its command line. serve.go wires the
// packages together; config.go has the configuration; each command has a file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // warm hours have zones, and an image need not
)

// version is set by the linker.
var version = "unknown"

// echo is how long after the first signal another one means the same: Ctrl-C
// reaches a whole process group, and wrappers pass on what they get.
const echo = time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		time.Sleep(echo)
		stop() // a second signal ends the process at once
	})
	err := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	os.Exit(exitCode(os.Stderr, err))
}

// run carries out the command line until it is done or ctx ends.
func run(ctx context.Context, args []string, lookup lookupFunc, stdout, stderr io.Writer) error {
	a := &app{lookup: lookup, stdout: stdout, stderr: stderr}
	root := a.command()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.started {
		err = &usageError{err: err} // the arguments did not get as far as a command
	}
	if u, ok := errors.AsType[*usageError](err); ok {
		u.command = cmd.CommandPath()
	}
	return err
}

// usageError is a mistake in the command line of the command.
type usageError struct {
	err     error
	command string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// exitCode writes err for people and returns the exit code: 0 if there is none,
// 2 for a mistake in the command line, 1 otherwise.
func exitCode(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "warmgate:", err)
	if u, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintln(stderr, u.command, "--help tells more.")
		return 2
	}
	return 1
}
