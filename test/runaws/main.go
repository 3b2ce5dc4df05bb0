//go:build unix

// Command runaws runs the demo as it is on AWS, on this machine: DynamoDB Local, the fake ECS, two replicas of Warmgate and a
// balancer in front. `make run-aws` builds what it needs. An interrupt stops everything, in order.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/webordinary/warmgate/session/dynamo/dynamotest"
	"github.com/webordinary/warmgate/test/replicas"
)

// Where things are found; deploy/local/aws.yaml has the same addresses.
const (
	front    = "127.0.0.1:8080"
	ecs      = "127.0.0.1:9900"
	cluster  = "webordinary-edit-cluster"
	config   = "deploy/local/aws.yaml"
	printed  = "deploy/local/.warmgate/containers.log"
	sites    = "deploy/local/sites"
	warmgate = "bin/warmgate"
	fakeECS  = "bin/fakeecs"
)

// listeners of the replicas: public and admin.
var listeners = [][2]string{{"127.0.0.1:8181", "127.0.0.1:9090"}, {"127.0.0.1:8182", "127.0.0.1:9091"}}

// startTimeout bounds the start of everything, stopTimeout the end of each part.
const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 30 * time.Second
)

func main() {
	delay := flag.Duration("delay", 6*time.Second, "time from a task's making until its container starts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, *delay)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "run-aws:", err)
		os.Exit(1)
	}
}

// stage is what runs, and how it is stopped: the last first.
type stage struct {
	stops []func() error
	// failed gets why a part has ended that the others need.
	failed   chan error
	replicas []*replicas.Replica
}

func (s *stage) onStop(stop func() error) { s.stops = append(s.stops, stop) }

func (s *stage) stop() error {
	var err error
	for _, stop := range slices.Backward(s.stops) {
		err = errors.Join(err, stop())
	}
	return err
}

// run starts everything, waits for the end of ctx or of what the replicas need, and stops everything.
func run(ctx context.Context, delay time.Duration) (err error) {
	s := &stage{failed: make(chan error, 1)}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.start(ctx, delay); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	where()
	select {
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr, "run-aws: stopping")
		return nil
	case err := <-s.failed:
		return err
	}
}

func (s *stage) start(ctx context.Context, delay time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	table, err := dynamotest.Run(ctx)
	if err != nil {
		return err
	}
	s.onStop(func() error { table.Stop(); return nil })
	if err := s.startECS(ctx, delay); err != nil {
		return err
	}
	if err := s.startReplicas(ctx, table.Endpoint); err != nil {
		return err
	}
	return s.startBalancer(ctx)
}

// startECS starts the fake ECS and returns when it listens.
func (s *stage) startECS(ctx context.Context, delay time.Duration) error {
	if err := os.MkdirAll(filepath.Dir(printed), 0o700); err != nil {
		return err
	}
	cmd := exec.Command(fakeECS, "-listen", ecs, "-cluster", cluster, "-delay", delay.String(), "-log", printed,
		"-dir", filepath.Join(sites, "$CLIENT_ID"), "--", "node_modules/.bin/astro", "dev", "--host", "$IP", "--port", "4321")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "ASTRO_TELEMETRY_DISABLED=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt on the terminal is for us
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		s.fail(fmt.Errorf("the fake ECS ended: %w", cmd.Wait()))
		close(ended)
	}()
	s.onStop(func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-ended
		return nil
	})
	return s.await(ctx, func() bool {
		conn, err := net.Dial("tcp", ecs)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// startReplicas makes the tables, and the replicas and the demo's session in them.
func (s *stage) startReplicas(ctx context.Context, table string) error {
	for _, l := range listeners {
		s.replicas = append(s.replicas, replicas.NewReplica(replicas.ReplicaOptions{
			Binary: warmgate, Config: config, Listen: l[0], Admin: l[1], Output: os.Stderr,
			Env: append(replicas.Environment(), "WARMGATE_STORE_ENDPOINT="+table),
		}))
	}
	first := s.replicas[0]
	if err := show(first.Command(ctx, "table", "create")); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	for _, r := range s.replicas {
		if err := r.Start(ctx); err != nil {
			return err
		}
		go func() {
			<-r.Exited() // and the other one goes on: somebody may want to see that
			fmt.Fprintf(os.Stderr, "run-aws: replica %s has ended\n", r.Address())
		}()
		s.onStop(func() error { return r.Stop(stopTimeout) })
	}
	if err := show(first.Command(ctx, "session", "activate", "--client", "demo", "--id", "demo", "--asleep")); err != nil {
		return fmt.Errorf("make the demo's session: %w", err)
	}
	return nil
}

// show runs a command and passes on what it prints.
func show(cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

func (s *stage) startBalancer(ctx context.Context) error {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", front)
	if err != nil {
		return err
	}
	b := replicas.NewBalancer(s.replicas...)
	checking, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() { _ = b.Run(checking) }() // it ends with its context
	server := &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
	go func() { s.fail(server.Serve(l)) }()
	s.onStop(func() error { stop(); return server.Close() })
	return nil
}

// await polls until ok holds or a part has ended.
func (s *stage) await(ctx context.Context, ok func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// fail notes why the rest has to end; the first reason counts.
func (s *stage) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

func where() {
	fmt.Printf(`
  Open         http://localhost:8080/session/demo/    through the balancer
               http://%s/session/demo/ and http://%s/session/demo/ are the replicas
  Then edit    deploy/local/sites/demo/src/components/Counter.jsx
  Look inside  bin/warmgate session status demo --config deploy/local/aws.yaml
               http://localhost:9090 and http://localhost:9091 with the token in deploy/local/.warmgate/token
               deploy/local/.warmgate/containers.log has what the dev servers print
  Stop         Ctrl-C

`, listeners[0][0], listeners[1][0])
}
