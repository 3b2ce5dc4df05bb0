//go:build unix

package process

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

var _ scaler.Driver = (*Driver)(nil)

// Driver runs child processes. Make it with [New].
type Driver struct {
	opts    Options
	log     *slog.Logger
	ports   portSet
	state   stateDir
	changed chan struct{}

	mu       sync.Mutex
	children map[string]*child // by task id
	closed   bool
	running  sync.WaitGroup // one for each child that is not gone
}

// New returns a driver that has started nothing yet; every mistake in o is
// reported as a [*session.InvalidError].
func New(o Options) (*Driver, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Driver{
		opts: o, log: o.Logger,
		ports:    portSet{reserved: make(map[int]io.Closer)},
		state:    stateDir{path: o.StateDir},
		changed:  make(chan struct{}, 1),
		children: make(map[string]*child),
	}, nil
}

// Start implements [scaler.Driver].
func (d *Driver) Start(ctx context.Context, spec scaler.TaskSpec) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case d.closed || d.state.lock == nil:
		return "", fmt.Errorf("the process driver is not open: %w", session.ErrUnavailable)
	}
	for _, c := range d.children {
		if c.spec.Token == spec.Token {
			return c.id, nil
		}
	}
	c, err := d.newChild(strings.ToLower(rand.Text()), spec)
	if err == nil {
		err = c.launch()
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", session.ErrStartFailed, err)
	}
	d.children[c.id] = c
	d.running.Go(c.supervise)
	d.signal()
	return c.id, nil
}

// Stop implements [scaler.Driver]: SIGTERM to the process group, and SIGKILL
// after [Options.StopTimeout].
func (d *Driver) Stop(ctx context.Context, id string) error {
	d.mu.Lock()
	c := d.children[id]
	d.mu.Unlock()
	if c == nil {
		return nil
	}
	c.stop()
	select {
	case <-c.gone:
	case <-ctx.Done():
		return fmt.Errorf("process %s has not ended yet: %w", id, ctx.Err())
	}
	if c.stuck() {
		return fmt.Errorf("process %s does not end, even when killed", id)
	}
	d.mu.Lock()
	delete(d.children, id)
	d.mu.Unlock()
	d.signal()
	return nil
}

// Tasks implements [scaler.Driver].
func (d *Driver) Tasks(context.Context) ([]scaler.Task, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	tasks := make([]scaler.Task, 0, len(d.children))
	for _, c := range d.children {
		tasks = append(tasks, c.task())
	}
	return tasks, nil
}

// Changed implements [scaler.Driver].
func (d *Driver) Changed() <-chan struct{} { return d.changed }

func (d *Driver) signal() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// Close implements [scaler.Driver]: it stops all children and returns once none
// is left, or when ctx ends.
func (d *Driver) Close(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	children := slices.Collect(maps.Values(d.children))
	d.mu.Unlock()
	for _, c := range children {
		c.stop()
	}
	var errs []error
	for _, c := range children {
		if err := d.Stop(ctx, c.id); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		d.running.Wait()
		d.state.close()
	}
	return errors.Join(errs...)
}

// now is when something happened, as it is recorded.
func now() time.Time { return time.Now().UTC() }
