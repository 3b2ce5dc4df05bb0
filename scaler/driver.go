package scaler

import (
	"context"

	"github.com/webordinary/warmgate/session"
)

// Driver starts, stops and lists the tasks of one pool. Implementations are safe
// for concurrent use and pass the suite in drivertest.
type Driver interface {
	// Recover is called once, before anything else. Afterwards Tasks lists what
	// has survived an earlier run and can go on serving; what cannot is gone.
	Recover(ctx context.Context) error
	// Start asks for a task and returns its identity, soon: it does not wait
	// until the task runs. The same token gives the same task. An identity is
	// never used again. Errors wrap session.ErrStartFailed (asking again will
	// not help), session.ErrCapacity or session.ErrUnavailable and say why in
	// words for people.
	Start(ctx context.Context, spec TaskSpec) (id string, err error)
	// Stop stops a task and returns nil once it is confirmed to be gone; a task
	// that is unknown or gone already is no error. It may take as long as the
	// task's own shutdown; after an error, or when ctx ends, it is called again.
	Stop(ctx context.Context, id string) error
	// Tasks lists the tasks that were started and not confirmed as stopped, in
	// any order. A task that ended by itself stays listed as gone until Stop.
	Tasks(ctx context.Context) ([]Task, error)
	// Changed returns a channel that receives a value when Tasks may have
	// changed since the last receive (signals are merged), or nil if the driver
	// cannot tell; then Tasks is asked every [Pool.PollInterval].
	Changed() <-chan struct{}
	// Close stops the tasks that cannot outlive this process and lets go of the
	// others. Nothing can be started afterwards.
	Close(ctx context.Context) error
}

// TaskSpec is what a task is started for.
type TaskSpec struct {
	// Pool is the pool's name, Key the expanded key of the group.
	Pool string
	Key  string
	// SessionID and ClientID are those of the session that caused the start; in
	// a pool with {session} in its key it is the only one served.
	SessionID session.ID
	ClientID  session.ClientID
	// Base is the escaped URL path below which the task serves its site, with a slash at
	// both ends; "/" unless the pool keeps a prefix.
	Base string
	// Token makes Start idempotent: it names the group and the generation.
	Token string
}

// TaskState is how far a task is, as its driver sees it.
type TaskState string

// The states of a task, in this order.
const (
	// TaskPending: asked for; it has no address yet.
	TaskPending TaskState = "pending"
	// TaskRunning: it runs and has an address. Whether its site answers is for
	// the probe to find out.
	TaskRunning TaskState = "running"
	// TaskStopping: asked to stop, or ending; not gone yet.
	TaskStopping TaskState = "stopping"
	// TaskGone: it has ended; Cause says why.
	TaskGone TaskState = "gone"
)

// Task is a task as its driver sees it.
type Task struct {
	ID    string
	Spec  TaskSpec
	State TaskState
	// Target has its addresses once it runs; Target.TaskID is ID.
	Target session.Target
	// Steps are the phases it has reached, oldest first, with
	// session.PhaseStarting as the last one possible.
	Steps []session.Step
	// Cause says in words for people why it ended; set when State is TaskGone.
	Cause string
	// Log returns its last log lines, oldest first; nil if the driver has none.
	// It works after the task is gone. Safe for concurrent use.
	Log func() []string
}
