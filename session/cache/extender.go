package cache

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/session"
)

// ExtenderOptions are what an [Extender] works with.
type ExtenderOptions struct {
	// Parallel is how many sessions are written at once. Zero means 64.
	Parallel int
	// Timeout bounds each write. Zero means 1 second.
	Timeout time.Duration
	// Retry is how long after a failed write the next one of the same session is
	// tried; it doubles up to MaxRetry. Zero means 1 and 10 seconds.
	Retry    time.Duration
	MaxRetry time.Duration
	// Registerer gets the metrics; nil means that nobody does.
	Registerer prometheus.Registerer
	// Logger; nil discards.
	Logger *slog.Logger
}

func (o ExtenderOptions) withDefaults() ExtenderOptions {
	if o.Parallel == 0 {
		o.Parallel = 64
	}
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{{&o.Timeout, time.Second}, {&o.Retry, time.Second}, {&o.MaxRetry, 10 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Extender is the [session.Extender] that coalesces. The first activity of a
// session is written at once, what follows at most once in a touch interval, by
// [Extender.Run]. A write that fails is tried again until it succeeds, or until
// the store says that the session is over. A session is held ([session.Live])
// while something of it is unwritten, and takes a small constant amount of
// memory until its touch interval is over. Safe for concurrent use.
type Extender struct {
	store    session.Store
	interval time.Duration
	options  ExtenderOptions
	metrics  *extenderMetrics

	// wake tells Run that a job may have become due.
	wake chan struct{}
	// failing: the last write failed.
	failing atomic.Bool

	mu    sync.Mutex
	jobs  map[session.ID]*job
	queue jobQueue
	// unwritten counts the jobs that have something to write.
	unwritten int
}

var _ session.Extender = (*Extender)(nil)

// NewExtender returns an Extender that writes to store, at most once per
// session in clocks.TouchInterval. To have the cache know what was written, the
// store is a [Cache].
func NewExtender(store session.Store, clocks session.Clocks, o ExtenderOptions) *Extender {
	e := &Extender{
		store: store, interval: clocks.WithDefaults().TouchInterval, options: o.withDefaults(),
		wake: make(chan struct{}, 1), jobs: make(map[session.ID]*job),
	}
	e.metrics = newExtenderMetrics(o.Registerer, e.pending)
	return e
}

// pending returns how many sessions have unwritten activity.
func (e *Extender) pending() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unwritten
}

// Touch implements [session.Extender].
func (e *Extender) Touch(l *session.Live, a session.Activity) {
	if !l.Touch(a) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.dirty(l).due.After(time.Now()) {
		e.signal()
	}
}

// signal has Run look at the queue.
func (e *Extender) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// dirty returns the job that writes l, with a hold on l.
func (e *Extender) dirty(l *session.Live) *job {
	j := e.jobs[l.ID()]
	if j == nil {
		j = &job{id: l.ID(), due: time.Now()}
		e.jobs[j.id] = j
		heap.Push(&e.queue, j)
	}
	if j.live == nil {
		j.live = l.Retain()
		e.unwritten++
	}
	j.again = true
	return j
}

// Flush implements [session.Extender]: when it returns nil, everything that was
// touched before is stored. ErrExpired or ErrNotFound tell that the session is
// over; what was unwritten is dropped then.
func (e *Extender) Flush(ctx context.Context, l *session.Live) error {
	for {
		e.mu.Lock()
		j := e.dirty(l)
		if j.busy == nil {
			e.begin(j)
			e.mu.Unlock()
			return e.write(ctx, j)
		}
		busy := j.busy
		e.mu.Unlock()
		select {
		case <-busy: // what it took may not be all
		case <-ctx.Done():
			return fmt.Errorf("flush %s: %w", l.ID(), ctx.Err())
		}
	}
}

// Run writes what is touched until ctx ends; then it waits for the writes under
// way. What is unwritten after it is for [Extender.Close].
func (e *Extender) Run(ctx context.Context) error {
	var writes sync.WaitGroup
	defer writes.Wait()
	free := make(chan struct{}, e.options.Parallel)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		j, wait := e.next()
		if j == nil {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-e.wake:
			case <-ctx.Done():
			}
			continue
		}
		free <- struct{}{} // a write has a deadline: this does not take long
		writes.Go(func() {
			defer func() { <-free }()
			e.write(context.WithoutCancel(ctx), j) //nolint:errcheck // retried, counted and logged there
		})
	}
	return nil
}

// Close writes everything that is unwritten, and tries again what fails, until
// ctx ends. Its error tells how much is left. Call it after Run has returned and
// no more is touched.
func (e *Extender) Close(ctx context.Context) error {
	for {
		err := e.flushAll(ctx)
		left := e.pending()
		if left == 0 {
			return nil
		}
		retry := time.NewTimer(e.options.Retry / 4)
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
			return fmt.Errorf("the activity of %d sessions is not written: %w", left, errors.Join(ctx.Err(), err))
		}
	}
}

// flushAll tries to write each dirty session once. It returns one of the errors.
func (e *Extender) flushAll(ctx context.Context) error {
	e.mu.Lock()
	lives := make(chan *session.Live, e.unwritten)
	for _, j := range e.jobs {
		if j.live != nil {
			lives <- j.live.Retain()
		}
	}
	e.mu.Unlock()
	close(lives)

	var (
		writers sync.WaitGroup
		mu      sync.Mutex
		last    error
	)
	for range e.options.Parallel {
		writers.Go(func() {
			for l := range lives {
				if err := e.Flush(ctx, l); err != nil {
					mu.Lock()
					last = err
					mu.Unlock()
				}
				l.Release()
			}
		})
	}
	writers.Wait()
	return last
}
