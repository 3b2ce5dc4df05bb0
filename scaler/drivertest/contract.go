package drivertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// patience bounds every wait for a driver. Nothing is measured by it.
const patience = 30 * time.Second

// Run runs the contract of [scaler.Driver] against drivers that open returns,
// each of them new, recovered by nobody yet, and with tasks that run soon after
// they were started. Whoever opens one need not close it.
func Run(t *testing.T, open func(t *testing.T) scaler.Driver) {
	t.Helper()
	for name, f := range map[string]func(*testing.T, scaler.Driver){
		"a task runs and has an address":        testRuns,
		"the same token gives the same task":    testToken,
		"a task that was stopped is forgotten":  testStop,
		"changes are signalled":                 testChanged,
		"what is unknown can be stopped":        testStopUnknown,
		"close ends it":                         testClose,
		"a caller that has left starts nothing": testCanceled,
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			if err := d.Recover(t.Context()); err != nil {
				t.Fatalf("Recover: %v", err)
			}
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if err := d.Close(ctx); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			f(t, d)
		})
	}
}

// Spec returns what the contract starts tasks for.
func Spec(token string) scaler.TaskSpec {
	return scaler.TaskSpec{
		Pool: "contract", Key: "key-" + token, SessionID: session.ID("session-" + token), ClientID: "client",
		Base: "/", Token: token,
	}
}

func testRuns(t *testing.T, d scaler.Driver) {
	id := start(t, d, "a")
	got := await(t, d, id, scaler.TaskRunning)
	if got.Spec != Spec("a") {
		t.Errorf("Spec = %+v, want %+v", got.Spec, Spec("a"))
	}
	if got.Target.TaskID != id || got.Target.Addr == "" {
		t.Errorf("Target = %+v, want the task's id and an address", got.Target)
	}
	if !slices.IsSortedFunc(got.Steps, func(a, b session.Step) int { return a.At.Compare(b.At) }) {
		t.Errorf("Steps = %v, want them in order", got.Steps)
	}
	if len(got.Steps) == 0 || got.Steps[len(got.Steps)-1].Phase != session.PhaseStarting {
		t.Errorf("Steps = %v, want the last one to be %q", got.Steps, session.PhaseStarting)
	}
	if got.Log != nil {
		got.Log()
	}
}

func testToken(t *testing.T, d scaler.Driver) {
	first, again, other := start(t, d, "a"), start(t, d, "a"), start(t, d, "b")
	if first != again {
		t.Errorf("the same token gave %q and %q", first, again)
	}
	if first == other {
		t.Errorf("two tokens gave the one task %q", first)
	}
	if got := len(list(t, d)); got != 2 {
		t.Errorf("%d tasks are listed, want 2", got)
	}
}

func testStop(t *testing.T, d scaler.Driver) {
	id := start(t, d, "a")
	await(t, d, id, scaler.TaskRunning)
	for range 2 {
		if err := d.Stop(t.Context(), id); err != nil {
			t.Fatalf("Stop: %v", err)
		}
		if tasks := list(t, d); len(tasks) != 0 {
			t.Errorf("after Stop there are %v", tasks)
		}
	}
	if next := start(t, d, "b"); next == id {
		t.Errorf("the identity %q is used again", id)
	}
}

func testStopUnknown(t *testing.T, d scaler.Driver) {
	if err := d.Stop(t.Context(), "never-heard-of"); err != nil {
		t.Errorf("Stop of an unknown task: %v", err)
	}
}

func testChanged(t *testing.T, d scaler.Driver) {
	changed := d.Changed()
	if changed == nil {
		return // it is polled
	}
	id := start(t, d, "a")
	receive(t, changed, "a start")
	await(t, d, id, scaler.TaskRunning)
	select {
	case <-changed:
	default:
	}
	if err := d.Stop(t.Context(), id); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	receive(t, changed, "a stop")
}

func testClose(t *testing.T, d scaler.Driver) {
	start(t, d, "a")
	for range 2 {
		if err := d.Close(t.Context()); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	if _, err := d.Start(t.Context(), Spec("b")); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Start after Close = %v, want session.ErrUnavailable", err)
	}
}

func testCanceled(t *testing.T, d scaler.Driver) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Start(ctx, Spec("a")); err == nil {
		t.Error("Start with an ended context succeeded")
	}
	if tasks := list(t, d); len(tasks) != 0 {
		t.Errorf("it left %v", tasks)
	}
}

func start(t *testing.T, d scaler.Driver, token string) string {
	t.Helper()
	id, err := d.Start(t.Context(), Spec(token))
	if err != nil || id == "" {
		t.Fatalf("Start(%s) = %q, %v", token, id, err)
	}
	return id
}

func list(t *testing.T, d scaler.Driver) []scaler.Task {
	t.Helper()
	tasks, err := d.Tasks(t.Context())
	if err != nil {
		t.Fatalf("Tasks: %v", err)
	}
	return tasks
}

// await polls until the task has the state.
func await(t *testing.T, d scaler.Driver, id string, want scaler.TaskState) scaler.Task {
	t.Helper()
	var last scaler.Task
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for _, task := range list(t, d) {
			if task.ID == id {
				last = task
			}
		}
		if last.State == want {
			return last
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	t.Fatalf("task %s is %q, want %q (%s)", id, last.State, want, last.Cause)
	return last
}

func receive(t *testing.T, changed <-chan struct{}, after string) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(patience):
		t.Errorf("no signal after %s", after)
	}
}
