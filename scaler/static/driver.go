// Package static is the driver for upstreams at fixed addresses, which somebody
// else starts. A start gives a session one of the addresses and is ready when
// its site answers; a stop only forgets that.
package static

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

var _ scaler.Driver = (*Driver)(nil)

// Address is one upstream.
type Address struct {
	// Addr is host:port of the main port.
	Addr string
	// Ports has host:port of further ports, by the pool's port number; may be nil.
	Ports map[int]string
}

// Options are the settings of a pool of fixed addresses.
type Options struct {
	// Addresses to choose from, the least used first. At least one.
	Addresses []Address
}

// Driver hands out fixed addresses. Make it with [New].
type Driver struct {
	addresses []Address
	changed   chan struct{}

	mu     sync.Mutex
	tasks  map[string]scaler.Task
	used   map[string]int // tasks by main address
	closed bool
}

// New returns a driver for the addresses, or an [*session.InvalidError].
func New(o Options) (*Driver, error) {
	if len(o.Addresses) == 0 {
		return nil, &session.InvalidError{Field: "addresses", Reason: "is empty"}
	}
	for _, a := range o.Addresses {
		all := maps.Clone(a.Ports)
		if all == nil {
			all = make(map[int]string)
		}
		all[0] = a.Addr
		for _, addr := range all {
			if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
				return nil, &session.InvalidError{Field: "addresses", Reason: fmt.Sprintf("has %q, which is not host:port", addr)}
			}
		}
	}
	return &Driver{
		addresses: o.Addresses, changed: make(chan struct{}, 1),
		tasks: make(map[string]scaler.Task), used: make(map[string]int),
	}, nil
}

// Recover implements [scaler.Driver]; nothing is remembered.
func (d *Driver) Recover(context.Context) error { return nil }

// Start implements [scaler.Driver].
func (d *Driver) Start(ctx context.Context, spec scaler.TaskSpec) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case d.closed:
		return "", fmt.Errorf("the static driver is closed: %w", session.ErrUnavailable)
	}
	for id, t := range d.tasks {
		if t.Spec.Token == spec.Token {
			return id, nil
		}
	}
	a := d.leastUsed()
	id := a.Addr + "/" + strings.ToLower(rand.Text())
	d.used[a.Addr]++
	d.tasks[id] = scaler.Task{
		ID: id, Spec: spec, State: scaler.TaskRunning,
		Target: session.Target{TaskID: id, Addr: a.Addr, Ports: a.Ports},
		Steps:  []session.Step{{Phase: session.PhaseStarting, At: time.Now().UTC()}},
	}
	d.signal()
	return id, nil
}

func (d *Driver) leastUsed() Address {
	least := d.addresses[0]
	for _, a := range d.addresses[1:] {
		if d.used[a.Addr] < d.used[least.Addr] {
			least = a
		}
	}
	return least
}

// Stop implements [scaler.Driver]; the upstream goes on.
func (d *Driver) Stop(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.tasks[id]; ok {
		d.used[t.Target.Addr]--
		delete(d.tasks, id)
		d.signal()
	}
	return nil
}

// Tasks implements [scaler.Driver].
func (d *Driver) Tasks(context.Context) ([]scaler.Task, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	tasks := make([]scaler.Task, 0, len(d.tasks))
	for _, t := range d.tasks {
		tasks = append(tasks, t)
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

// Close implements [scaler.Driver].
func (d *Driver) Close(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	clear(d.tasks)
	return nil
}
