//go:build unix

// Command fakeecs is a fake of Amazon ECS for one machine: a pool with a driver of ECS and this as its endpoint has its
// tasks run as processes here, each on a loopback address of its own. It is for trying things out: see docs/ecs.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "fakeecs:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	listen, cluster, dir, log string
	delay                     time.Duration
	command                   []string
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("fakeecs", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:9900", "address of the service")
	flags.StringVar(&s.cluster, "cluster", "default", "name of the only cluster")
	flags.StringVar(&s.dir, "dir", ".", "working folder of containers; $NAME is the variable of the container's environment")
	flags.StringVar(&s.log, "log", "", "file for what containers print, appended to; empty for standard error")
	flags.DurationVar(&s.delay, "delay", 0, "time from a task's making until its container starts: a third to find a place, the rest to pull the image")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "Usage: fakeecs [flags] -- COMMAND [ARGUMENT...]\n\n"+
			"COMMAND takes the place of a container. In its arguments $IP is the task's own address, on which it has to listen, and\n"+
			"$NAME the variable of the container's environment.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.command = flags.Args(); len(s.command) == 0 {
		return s, errors.New("there is no command for the containers")
	}
	return s, nil
}

// run serves until ctx ends, and returns when all containers have ended.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	printed := stderr
	if s.log != "" {
		file, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		printed = file
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", s.listen)
	if err != nil {
		return err
	}
	fake := ecstest.New(ecstest.Options{
		Cluster: s.cluster,
		Plan: func(ecstest.Launch) ecstest.Script {
			return ecstest.Script{Provisioning: s.delay / 3, Pulling: s.delay - s.delay/3}
		},
		Run: logged(logger, ecstest.Exec(func(c ecstest.Container) ecstest.Process { return s.process(c, printed) })),
		OnCall: func(operation string, _ []byte) {
			if !strings.HasPrefix(operation, "Describe") && !strings.HasPrefix(operation, "List") {
				logger.Info("call", "operation", operation)
			}
		},
	})
	server := &http.Server{Handler: fake, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	err = server.Serve(l)
	fake.Close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// process is what a container of the settings runs.
func (s settings) process(c ecstest.Container, output io.Writer) ecstest.Process {
	value := func(name string) string {
		if name == "IP" {
			return c.IP
		}
		return c.Env[name]
	}
	p := ecstest.Process{Dir: os.Expand(s.dir, value), Output: output}
	for _, a := range s.command {
		p.Args = append(p.Args, os.Expand(a, value))
	}
	for name, v := range c.Env {
		p.Env = append(p.Env, name+"="+v)
	}
	return p
}

type container = func(context.Context, ecstest.Container) error

// logged tells of the container's begin and end.
func logged(logger *slog.Logger, run container) container {
	return func(ctx context.Context, c ecstest.Container) error {
		logger.Info("container starts", "task", c.TaskARN, "address", c.IP)
		err := run(ctx, c)
		logger.Info("container has ended", "task", c.TaskARN, "how", err)
		return err
	}
}
