package cache

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/session"
)

// job writes the activity of one session. It exists from the first touch until
// a touch interval has passed without another. Guarded by Extender.mu.
type job struct {
	id session.ID
	// live is held while there is something to write; nil otherwise.
	live *session.Live
	// due is when the next write may begin or, with nothing to write, when the
	// job is forgotten.
	due time.Time
	// busy is closed when the write under way ends; nil if there is none. A busy
	// job is not in the queue.
	busy chan struct{}
	// again tells that there was a touch since the write under way began.
	again bool
	// failures counts the failed writes since the last success. Only the writer
	// uses it.
	failures int
	// index is the job's place in the queue.
	index int
}

// next returns the next due job, now busy, or how long to wait for one.
func (e *Extender) next() (*job, time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for len(e.queue) > 0 {
		j := e.queue[0]
		switch {
		case j.due.After(now):
			return nil, j.due.Sub(now)
		case j.live == nil:
			heap.Pop(&e.queue)
			delete(e.jobs, j.id)
		default:
			e.begin(j)
			return j, 0
		}
	}
	return nil, e.interval
}

// begin marks j as being written.
func (e *Extender) begin(j *job) {
	heap.Remove(&e.queue, j.index)
	j.busy = make(chan struct{})
	j.again = false
}

// write carries out a job that was begun and puts it back in the queue.
func (e *Extender) write(ctx context.Context, j *job) error {
	now := time.Now()
	c, ok := j.live.TakePending(now)
	if !ok {
		e.finish(j, j.due, false)
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, e.options.Timeout)
	defer cancel()
	_, err := e.store.Update(bounded, j.id, c)
	switch {
	case err == nil:
		e.metrics.writes.Inc()
		j.failures = 0
		e.report(nil)
		e.finish(j, now.Add(e.interval), false)
		return nil
	case errors.Is(err, session.ErrExpired), errors.Is(err, session.ErrNotFound):
		e.metrics.dropped.Inc()
		j.live.DropPending()
		e.finish(j, now.Add(e.interval), false)
	default:
		e.metrics.failures.Inc()
		j.failures++
		if ctx.Err() == nil { // not the caller's giving up
			e.report(err)
		}
		j.live.RestorePending()
		e.finish(j, time.Now().Add(e.backOff(j.failures)), true)
	}
	return fmt.Errorf("extend %s: %w", j.id, err)
}

// finish ends the write of j, which is due again then. unwritten tells that it
// has still all to write.
func (e *Extender) finish(j *job, due time.Time, unwritten bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(j.busy)
	j.busy = nil
	j.due = due
	if !unwritten && !j.again {
		e.unwritten--
		j.live.Release()
		j.live = nil
	}
	heap.Push(&e.queue, j)
	e.signal()
}

// report logs when writes begin to fail and when they succeed again.
func (e *Extender) report(err error) {
	if e.failing.Swap(err != nil) == (err != nil) {
		return
	}
	if err != nil {
		e.options.Logger.Warn("activity cannot be written and is retried", "error", err)
	} else {
		e.options.Logger.Info("activity is written again")
	}
}

func (e *Extender) backOff(failures int) time.Duration {
	wait := e.options.Retry
	for range failures - 1 {
		if wait = 2 * wait; wait >= e.options.MaxRetry {
			return e.options.MaxRetry
		}
	}
	return wait
}

// jobQueue is a heap by due time.
type jobQueue []*job

func (q jobQueue) Len() int           { return len(q) }
func (q jobQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

func (q jobQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *jobQueue) Push(x any) {
	j := x.(*job) //nolint:forcetypeassert // only jobs are pushed
	j.index = len(*q)
	*q = append(*q, j)
}

// Pop implements heap.Interface.
func (q *jobQueue) Pop() any {
	old := *q
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return j
}
