//go:build unix

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"syscall"
)

// Recover implements [scaler.Driver]: it stops what an earlier run has left
// behind. Its output is lost to us, so that nothing of it can go on.
func (d *Driver) Recover(ctx context.Context) error {
	if err := d.state.open(); err != nil {
		return fmt.Errorf("recover processes: %w", err)
	}
	records, err := d.state.read()
	if err != nil {
		return fmt.Errorf("recover processes: %w", err)
	}
	var wg sync.WaitGroup
	for _, r := range records {
		wg.Go(func() { d.reap(ctx, r) })
	}
	wg.Wait()
	return ctx.Err()
}

// reap ends all processes of the recorded child and forgets it. What could not
// be ended stays on record for the next run.
func (d *Driver) reap(ctx context.Context, r childRecord) {
	groups := survivors(r)
	for _, pgid := range groups {
		d.log.InfoContext(ctx, "stopping a process that an earlier run left behind", "task", r.Task, "process_group", pgid)
		if !endGroup(pgid, d.opts.StopTimeout) {
			d.log.ErrorContext(ctx, "a process of an earlier run does not end", "task", r.Task, "process_group", pgid)
			return
		}
	}
	if err := d.state.remove(r.Task); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.WarnContext(ctx, "cannot remove a state file", "task", r.Task, "error", err)
	}
}

// survivors returns the process groups of the recorded child that still run.
// Its own group counts if its leader is provably the one on record; a group
// without its leader, if one of its processes has the marker.
func survivors(r childRecord) []int {
	groups := marked(r.Task)
	if r.PID > 0 {
		if now, err := identity(r.PID); err == nil && now == r.Identity && hasMarker(r.PID, r.Task) {
			groups = append(groups, r.PID)
		}
	}
	slices.Sort(groups)
	groups = slices.Compact(groups)
	own := syscall.Getpgrp()
	return slices.DeleteFunc(groups, func(pgid int) bool { return pgid <= 1 || pgid == own })
}
