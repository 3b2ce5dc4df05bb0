package drivertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

var _ scaler.Driver = (*Fake)(nil)

// Script is how a task of a [Fake] behaves. The zero value runs and answers at once.
type Script struct {
	// Throttled is how many calls of Start fail as unavailable first.
	Throttled int
	// StartDelay is how long the call of Start takes, StartErr its outcome.
	StartDelay time.Duration
	StartErr   error
	// RunsAfter, ListensAfter and AnswersAfter are times since the start: when it
	// has an address, accepts connections, and gives the answers it holds until then.
	RunsAfter    time.Duration
	ListensAfter time.Duration
	AnswersAfter time.Duration
	// DeafAfter is when it stops accepting connections, if positive.
	DeafAfter time.Duration
	// NeverAnswers makes it hold every request.
	NeverAnswers bool
	// Status and Body are its answer; zero means 200.
	Status int
	Body   string
	// DiesAfter is when it ends by itself, if positive, because of Cause.
	DiesAfter time.Duration
	Cause     string
	// Log is its output.
	Log []string
	// FailedStops is how many calls of Stop fail first; StopDelay how long it
	// takes to end.
	FailedStops int
	StopDelay   time.Duration
}

// Fake is a driver whose tasks exist in memory only; [Fake.Dial] reaches them.
// Safe for concurrent use, and fit for a synctest bubble.
type Fake struct {
	// Plan returns the script of the n-th task (from 0). Nil means the zero Script.
	// Set it before the first start.
	Plan func(n int, spec scaler.TaskSpec) Script

	changed chan struct{}
	timers  sync.WaitGroup
	quit    chan struct{}

	mu        sync.Mutex
	tasks     map[string]*fakeTask
	started   []scaler.TaskSpec
	startedAt []time.Time
	stopped   []string
	throttled map[string]int
	closed    bool
	outlives  bool
}

type fakeTask struct {
	id      string
	n       int
	spec    scaler.TaskSpec
	script  Script
	began   time.Time
	state   scaler.TaskState
	steps   []session.Step
	cause   string
	refused int // calls of Stop that have failed
}

// NewFake returns a driver without tasks.
func NewFake() *Fake {
	return &Fake{
		changed: make(chan struct{}, 1), quit: make(chan struct{}),
		tasks: make(map[string]*fakeTask), throttled: make(map[string]int),
	}
}

// Started returns what tasks were started for, in this order.
func (f *Fake) Started() []scaler.TaskSpec {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.started)
}

// StartedAt returns when the calls of Start came that started a task.
func (f *Fake) StartedAt() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.startedAt)
}

// Stopped returns the ids of the tasks whose stop was asked for, in the order of
// the first calls.
func (f *Fake) Stopped() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.stopped)
}

// Alive returns the specs of the tasks that are neither gone nor asked to stop.
func (f *Fake) Alive() []scaler.TaskSpec {
	f.mu.Lock()
	defer f.mu.Unlock()
	var specs []scaler.TaskSpec
	for _, t := range f.tasks {
		if t.state == scaler.TaskPending || t.state == scaler.TaskRunning {
			specs = append(specs, t.spec)
		}
	}
	return specs
}

// Kill ends a task as if it had died.
func (f *Fake) Kill(id, cause string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end(f.tasks[id], cause)
}

// Recover implements [scaler.Driver].
func (f *Fake) Recover(context.Context) error { return nil }

// Start implements [scaler.Driver].
func (f *Fake) Start(ctx context.Context, spec scaler.TaskSpec) (string, error) {
	script, err := f.admit(spec)
	if err != nil {
		return "", err
	}
	if script.StartDelay > 0 && !f.sleep(ctx, script.StartDelay) {
		return "", fmt.Errorf("the call was given up: %w", session.ErrUnavailable)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.tasks {
		if t.spec.Token == spec.Token {
			return t.id, nil
		}
	}
	n := len(f.started)
	f.started = append(f.started, spec)
	f.startedAt = append(f.startedAt, time.Now())
	if script.StartErr != nil {
		return "", script.StartErr
	}
	t := &fakeTask{id: fmt.Sprintf("fake-%d", n), n: n, spec: spec, script: script, began: time.Now().UTC(), state: scaler.TaskPending}
	t.steps = []session.Step{{Phase: session.PhaseProvisioning, At: t.began}}
	f.tasks[t.id] = t
	f.signal()
	f.at(script.RunsAfter, func() { f.run(t) })
	if script.DiesAfter > 0 {
		f.at(script.DiesAfter, func() { f.end(t, script.Cause) })
	}
	return t.id, nil
}

// admit looks the script up and plays the throttling API.
func (f *Fake) admit(spec scaler.TaskSpec) (Script, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return Script{}, fmt.Errorf("the fake driver is closed: %w", session.ErrUnavailable)
	}
	var script Script
	if f.Plan != nil {
		script = f.Plan(len(f.started), spec)
	}
	if f.throttled[spec.Token] < script.Throttled {
		f.throttled[spec.Token]++
		return Script{}, fmt.Errorf("rate exceeded: %w", session.ErrUnavailable)
	}
	return script, nil
}

// sleep reports whether the time passed before ctx ended.
func (f *Fake) sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	case <-f.quit:
		return false
	}
}

// at calls do after d, with f.mu held, unless the driver was closed.
func (f *Fake) at(d time.Duration, do func()) {
	if d <= 0 {
		do()
		return
	}
	f.timers.Go(func() {
		select {
		case <-time.After(d):
			f.mu.Lock()
			defer f.mu.Unlock()
			do()
		case <-f.quit:
		}
	})
}

func (f *Fake) run(t *fakeTask) {
	if t.state == scaler.TaskPending {
		t.state = scaler.TaskRunning
		t.steps = append(slices.Clip(t.steps), session.Step{Phase: session.PhaseStarting, At: time.Now().UTC()})
		f.signal()
	}
}

func (f *Fake) end(t *fakeTask, cause string) {
	if t != nil && t.state != scaler.TaskGone {
		t.state, t.cause = scaler.TaskGone, cause
		f.signal()
	}
}

// Stop implements [scaler.Driver].
func (f *Fake) Stop(ctx context.Context, id string) error {
	f.mu.Lock()
	t := f.tasks[id]
	if !slices.Contains(f.stopped, id) {
		f.stopped = append(f.stopped, id)
	}
	switch {
	case t == nil:
		f.mu.Unlock()
		return nil
	case t.refused < t.script.FailedStops:
		t.refused++
		f.mu.Unlock()
		return fmt.Errorf("the stop did not go through: %w", session.ErrUnavailable)
	}
	if t.state != scaler.TaskGone {
		t.state = scaler.TaskStopping
		f.signal()
	}
	f.mu.Unlock()
	if t.script.StopDelay > 0 && !f.sleep(ctx, t.script.StopDelay) {
		return fmt.Errorf("%s is still stopping: %w", id, session.ErrUnavailable)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.tasks, id)
	f.signal()
	return nil
}

// Tasks implements [scaler.Driver].
func (f *Fake) Tasks(context.Context) ([]scaler.Task, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var tasks []scaler.Task
	for _, t := range f.tasks {
		view := scaler.Task{
			ID: t.id, Spec: t.spec, State: t.state, Steps: t.steps, Cause: t.cause,
			Log: func() []string { return slices.Clone(t.script.Log) },
		}
		if t.state != scaler.TaskPending {
			view.Target = session.Target{TaskID: t.id, Addr: t.id + ".fake:80"}
		}
		tasks = append(tasks, view)
	}
	return tasks, nil
}

// Changed implements [scaler.Driver].
func (f *Fake) Changed() <-chan struct{} { return f.changed }

func (f *Fake) signal() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// Outlive has the tasks survive the Close calls that follow, as those of a
// driver do whose tasks run elsewhere; the Fake can be used by a next scaler.
func (f *Fake) Outlive(does bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outlives = does
}

// Close implements [scaler.Driver].
func (f *Fake) Close(context.Context) error {
	f.mu.Lock()
	if f.outlives {
		f.mu.Unlock()
		return nil
	}
	if !f.closed {
		f.closed = true
		close(f.quit)
	}
	clear(f.tasks)
	f.mu.Unlock()
	f.timers.Wait()
	return nil
}

// Dial is a [scaler.DialFunc] that reaches the tasks. A connection carries one
// request; its answer is held until the script's time.
func (f *Fake) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tasks[strings.TrimSuffix(addr, ".fake:80")]
	if t == nil || f.closed || ctx.Err() != nil || !t.listens() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	here, there := net.Pipe()
	f.timers.Go(func() {
		defer there.Close()
		f.answer(there, t)
	})
	return here, nil
}

func (t *fakeTask) listens() bool {
	age := time.Since(t.began)
	return (t.state == scaler.TaskRunning || t.state == scaler.TaskStopping) &&
		age >= t.script.ListensAfter && (t.script.DeafAfter == 0 || age < t.script.DeafAfter)
}

func (f *Fake) answer(conn net.Conn, t *fakeTask) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	if t.script.NeverAnswers {
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = io.Copy(io.Discard, conn) // ends when the other side gives up
		}()
		select {
		case <-gone:
		case <-f.quit:
			conn.Close()
			<-gone
		}
		return
	}
	if wait := t.script.AnswersAfter - time.Since(t.began); wait > 0 && !f.sleep(req.Context(), wait) {
		return
	}
	status := t.script.Status
	if status == 0 {
		status = http.StatusOK
	}
	resp := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: req, Close: true,
		Body: io.NopCloser(strings.NewReader(t.script.Body)), ContentLength: int64(len(t.script.Body)),
	}
	_ = resp.Write(conn)
}
