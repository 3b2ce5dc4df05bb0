//go:build unix

package process_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/scaler/process"
)

// TestMain runs the tests; started by the driver under test, the same binary is
// one of the programs below instead.
func TestMain(m *testing.M) {
	if program, ok := programs()[os.Getenv("PROGRAM")]; ok {
		if err := program(); err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func programs() map[string]func() error {
	return map[string]func() error{
		"serve":      serve,
		"fail":       func() error { return errors.New("\x1b[31mcannot find module\x1b[0m astro") },
		"deaf":       deaf,
		"fork":       func() error { return fork(true) },
		"leave":      func() error { return fork(false) },
		"second":     second,
		"supervisor": supervisor,
	}
}

// serve answers with its environment's NAME until it is told to end.
func serve() error {
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		return err
	}
	fmt.Println("serving", os.Getenv("NAME"), "with", strings.Join(os.Args[1:], " "))
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { //nolint:gosec // a test program
		dir, _ := os.Getwd()
		fmt.Fprintf(w, "%s in %s, secret %q", os.Getenv("NAME"), dir, os.Getenv("WARMGATE_SECRET"))
	}))
}

// deaf ignores SIGTERM.
func deaf() error {
	signal.Ignore(syscall.SIGTERM)
	return serve()
}

// fork has a grandchild serve, as `npm run dev` does; it waits for it or leaves.
func fork(wait bool) error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROGRAM=deaf")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	if wait {
		return cmd.Wait()
	}
	return errors.New("leaving")
}

// second finds its port taken when it is started first.
func second() error {
	if _, err := os.Stat("started"); err != nil {
		if err := os.WriteFile("started", []byte(os.Getenv("PORT")), 0o600); err != nil {
			return err
		}
		return errors.New("Error: listen EADDRINUSE: address already in use")
	}
	return serve()
}

// supervisor starts one child and stays, until it is killed.
func supervisor() error {
	d, err := process.New(process.Options{
		Command:  []string{os.Args[0]},
		Env:      map[string]string{"PROGRAM": os.Getenv("CHILD"), "PORT": "{port}"},
		StateDir: os.Getenv("STATE"),
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGHUP)
	defer stop()
	if err := d.Recover(ctx); err != nil {
		return err
	}
	id, err := d.Start(ctx, drivertest.Spec("a"))
	if err != nil {
		return err
	}
	tasks, err := d.Tasks(ctx)
	if err != nil {
		return err
	}
	fmt.Println("child", id, tasks[0].Target.Addr)
	<-ctx.Done()
	return nil
}
