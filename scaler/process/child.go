//go:build unix

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// child is one task: a command, started anew if its port was taken away.
type child struct {
	d    *Driver
	id   string
	spec scaler.TaskSpec
	out  *tail

	// stopping is closed when it is to end, gone when no process of it is left
	// (or none that can be ended).
	stopping chan struct{}
	stopOnce sync.Once
	gone     chan struct{}

	cmd   *exec.Cmd // of the current attempt; for launch and supervise only
	began time.Time

	mu     sync.Mutex
	ports  map[string]int
	target session.Target
	steps  []session.Step
	state  scaler.TaskState
	cause  string
	left   bool // a process of it does not end
}

// A command that ends this soon because its port is taken is started again.
const (
	portTakenWithin = 20 * time.Second
	launches        = 3
)

func (d *Driver) newChild(id string, spec scaler.TaskSpec) (*child, error) {
	c := &child{
		d: d, id: id, spec: spec, out: &tail{},
		stopping: make(chan struct{}), gone: make(chan struct{}), state: scaler.TaskRunning,
	}
	if d.opts.LogFile == "" {
		return c, nil
	}
	path, err := expandPath(d.opts.LogFile, spec, id)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	c.out.file, c.out.room = file, logFileSize
	return c, nil
}

// launch starts the command. The marker is on record before any process has it.
func (c *child) launch() error {
	la, err := c.d.prepare(c.id, c.spec)
	if err != nil {
		c.out.Close()
		return err
	}
	cmd := exec.Command(la.argv[0], la.argv[1:]...) //nolint:noctx // the child outlives whoever asked for it
	cmd.Dir, cmd.Env = la.dir, la.env
	cmd.Stdout, cmd.Stderr = c.out, c.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A grandchild may keep the output open after the command has ended.
	cmd.WaitDelay = time.Second
	record := childRecord{Task: c.id, Command: la.argv}
	err = c.d.state.write(record)
	if err == nil {
		if err = cmd.Start(); err != nil {
			c.forget()
		}
	}
	if err != nil {
		c.d.ports.release(la.ports)
		c.out.Close()
		return err
	}
	record.PID = cmd.Process.Pid
	if record.Identity, err = identity(record.PID); err == nil {
		err = c.d.state.write(record)
	}
	if err != nil { // it is found by its marker, where that can be read
		c.d.log.Warn("cannot record a process", "task", c.id, "error", err)
	}
	c.cmd, c.began = cmd, now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ports, c.target = la.ports, la.target
	if c.steps == nil {
		c.steps = []session.Step{{Phase: session.PhaseStarting, At: c.began}}
	}
	return nil
}

// supervise waits until the command has ended and sees to it that nothing of it
// stays.
func (c *child) supervise() {
	for launched := 1; ; launched++ {
		cause, left := c.await()
		c.d.ports.release(c.currentPorts())
		if !left && launched < launches && c.portTaken() {
			if err := c.launch(); err == nil {
				c.d.signal()
				continue
			}
		}
		c.finish(cause, left)
		return
	}
}

// await waits for the end of the whole group and says why the command ended.
func (c *child) await() (cause string, left bool) {
	pgid := c.cmd.Process.Pid
	ended := make(chan struct{})
	var stopper sync.WaitGroup
	stopper.Go(func() {
		select {
		case <-c.stopping:
			endGroup(pgid, c.d.opts.StopTimeout)
		case <-ended:
		}
	})
	_ = c.cmd.Wait() // ProcessState says more
	close(ended)
	stopper.Wait()
	left = groupAlive(pgid) && !endGroup(pgid, c.d.opts.StopTimeout)
	return c.describe(), left
}

// describe says in words why the command ended.
func (c *child) describe() string {
	name := filepath.Base(c.cmd.Path)
	how := fmt.Sprintf("%s ended with exit code %d", name, c.cmd.ProcessState.ExitCode())
	if ws, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		how = fmt.Sprintf("%s was ended by a signal (%s)", name, ws.Signal())
	}
	if last := c.out.closing(3); last != "" {
		how += ": " + last
	}
	return how
}

// portTaken reports whether the command ended because somebody else has taken
// its port in the moment between choosing and using it.
func (c *child) portTaken() bool {
	select {
	case <-c.stopping:
		return false
	default:
		return now().Sub(c.began) < portTakenWithin && c.out.contains("EADDRINUSE")
	}
}

func (c *child) finish(cause string, left bool) {
	c.mu.Lock()
	c.state, c.cause, c.left = scaler.TaskGone, cause, left
	c.mu.Unlock()
	c.out.Close()
	if left {
		c.d.log.Error("a process does not end", "task", c.id, "process_group", c.cmd.Process.Pid)
	} else {
		c.forget()
	}
	close(c.gone)
	c.d.signal()
}

// forget takes the child off the record.
func (c *child) forget() {
	if err := c.d.state.remove(c.id); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.d.log.Warn("cannot remove a state file", "task", c.id, "error", err)
	}
}

// stop lets the command end; it does not wait.
func (c *child) stop() {
	c.stopOnce.Do(func() {
		c.mu.Lock()
		if c.state == scaler.TaskRunning {
			c.state = scaler.TaskStopping
		}
		c.mu.Unlock()
		close(c.stopping)
		c.d.signal()
	})
}

// stuck reports whether a process of it could not be ended; if it has ended
// meanwhile, the child is forgotten.
func (c *child) stuck() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left && !groupAlive(c.cmd.Process.Pid) {
		c.left = false
		c.forget()
	}
	return c.left
}

func (c *child) currentPorts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ports
}

// task is the child as the scaler sees it.
func (c *child) task() scaler.Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	return scaler.Task{
		ID: c.id, Spec: c.spec, State: c.state, Target: c.target, Steps: c.steps, Cause: c.cause, Log: c.out.Lines,
	}
}
