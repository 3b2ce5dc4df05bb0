package scaler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/webordinary/warmgate/session"
)

// stage is how far a task is, as the scaler sees it. Of those that are not
// doomed a later one serves a new session better.
type stage int

const (
	starting stage = iota
	// cordoned: ready, and one too many; see Scaler.retire.
	cordoned
	ready
	// doomed: it is being stopped, or gone, and is never assigned again.
	doomed
)

// task is one task from the decision to start it until the driver confirms that
// it is gone. Guarded by [Scaler].mu, except for the channels.
type task struct {
	pool  *pool
	group *group
	spec  TaskSpec
	stage stage
	// id is empty until the driver has given one; order tells when that was.
	id    string
	order int64
	// view is what the driver said last; viewed is closed when that changes.
	view   Task
	viewed chan struct{}

	began time.Time
	// turn is when the driver may be asked for it; the deadline counts from then.
	turn     turn
	deadline time.Time
	readyAt  time.Time
	steps    []session.Step
	// err is why the start failed.
	err error

	// users are the sessions assigned to it; leaving counts those whose last
	// requests are still under way.
	users   map[*tracked]struct{}
	leaving sync.WaitGroup
	// unrecorded: it answers, but could not be assigned to its session in time. The
	// record may name it all the same, by another replica.
	unrecorded bool
	// suspected: somebody looks whether it still serves.
	suspected bool
	// cordon tells for which attempt to stop it it is cordoned.
	cordon string

	// start ends when the start is given up, with the cause.
	start   context.Context
	giveUp  context.CancelCauseFunc
	settled chan struct{} // closed once the start has succeeded or failed
	dooming chan struct{} // closed when the task is doomed
}

// errAbandoned ends a start that nobody wants any more.
var errAbandoned = fmt.Errorf("the start was abandoned: %w", session.ErrStartFailed)

// makeTask makes a task of the group, whose life has not begun. s.mu is held.
func (s *Scaler) makeTask(g *group, spec TaskSpec) *task {
	now := time.Now().UTC()
	t := &task{
		pool: g.pool, group: g, spec: spec, began: now, turn: turn{at: now}, deadline: now.Add(g.pool.StartTimeout),
		steps:  []session.Step{{Phase: session.PhaseAsked, At: now}},
		viewed: make(chan struct{}), users: make(map[*tracked]struct{}),
		settled: make(chan struct{}), dooming: make(chan struct{}),
	}
	t.start, t.giveUp = context.WithCancelCause(s.background)
	g.tasks[t] = struct{}{}
	g.pool.tasks[t] = struct{}{}
	return t
}

// newTask makes a task of the group and starts it. s.mu is held.
func (s *Scaler) newTask(g *group, spec TaskSpec) *task {
	t := s.makeTask(g, spec)
	t.turn = s.launches.take(t.began)
	t.deadline = t.turn.at.Add(t.pool.StartTimeout)
	s.crew.spawn(func() { s.runTask(t) })
	return t
}

// found makes a task of one that the driver lists and nobody here has started.
// If it is not known to serve it is probed first. s.mu is held.
func (s *Scaler) found(p *pool, v Task, serves bool) *task {
	t := s.makeTask(p.group(v.Spec), v.Spec)
	s.enlist(t, v.ID)
	t.view = v
	if !serves {
		s.crew.spawn(func() { s.runTask(t) })
		return t
	}
	t.stage, t.readyAt = ready, t.began
	close(t.settled)
	s.crew.spawn(func() { s.tend(t) })
	return t
}

// enlist notes the task's identity. s.mu is held.
func (s *Scaler) enlist(t *task, id string) {
	t.pool.registered++
	t.id, t.order = id, t.pool.registered
	t.pool.byID[id] = t
	delete(t.pool.unknown, id)
}

// runTask is the life of a task.
func (s *Scaler) runTask(t *task) {
	err := s.bringUp(t)
	if s.background.Err() != nil {
		return
	}
	s.settle(t, err)
	s.tend(t)
}

// tend is the second half of a task's life: it is stopped when it is doomed.
func (s *Scaler) tend(t *task) {
	select {
	case <-t.dooming:
		s.putDown(t)
	case <-s.background.Done():
	}
}

// bringUp starts the task and returns nil once its site answers.
func (s *Scaler) bringUp(t *task) error {
	ctx, cancel := context.WithDeadlineCause(t.start, t.deadline, session.ErrStartTimeout)
	defer cancel()
	if err := s.askDriver(ctx, t); err != nil {
		return err
	}
	if !s.awaitAddress(ctx, t) {
		return s.notReady(ctx, t, "for the task to run")
	}
	path, err := Expand(t.pool.Probe.Path, probeVariables(t.spec))
	if err != nil {
		return fmt.Errorf("%w: %w", session.ErrStartFailed, err)
	}
	err = s.prober.await(ctx, question{
		addr: func() string { return s.target(t).Addr }, path: path, host: t.pool.Probe.Host,
		accepted: func() { s.reach(t, session.PhaseChecking) },
	})
	if _, blocked := errors.AsType[*BlockedHostError](err); blocked || err == nil {
		return err
	}
	return s.notReady(ctx, t, fmt.Sprintf("for the site's first answer at %s%s (%v)", s.target(t).Addr, path, err))
}

// askDriver has the driver start the task when it is its turn, again while it is
// out of reach.
func (s *Scaler) askDriver(ctx context.Context, t *task) error {
	const firstPause, longestPause = 250 * time.Millisecond, 5 * time.Second
	if t.id != "" {
		return nil // found, not started here
	}
	if err := s.awaitTurn(t); err != nil {
		return err
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		// Giving up the start must not tear the call apart: nobody would know
		// whether there is a task now.
		call, cancel := context.WithDeadline(s.background, t.deadline)
		id, err := t.pool.Driver.Start(call, t.spec)
		cancel()
		switch {
		case err == nil:
			s.register(t, id)
			return nil
		case !errors.Is(err, session.ErrUnavailable):
			return startError(err)
		}
		select {
		case <-ctx.Done():
			return s.notReady(ctx, t, fmt.Sprintf("for the driver to accept it (%v)", err))
		case <-time.After(pause):
		}
	}
}

// startError makes sure that err is of a kind that others know.
func startError(err error) error {
	if errors.Is(err, session.ErrStartFailed) || errors.Is(err, session.ErrCapacity) {
		return err
	}
	return fmt.Errorf("%w: %w", session.ErrStartFailed, err)
}

// register notes the identity that the driver gave, and what it says of it.
func (s *Scaler) register(t *task, id string) {
	s.mu.Lock()
	s.enlist(t, id)
	s.mu.Unlock()
	s.look(s.background, t.pool)
}

// awaitAddress waits until the driver says that the task runs.
func (s *Scaler) awaitAddress(ctx context.Context, t *task) bool {
	for {
		s.mu.Lock()
		running, viewed := t.view.State == TaskRunning, t.viewed
		s.mu.Unlock()
		if running {
			return true
		}
		select {
		case <-viewed:
		case <-ctx.Done():
			return false
		}
	}
}

// notReady says why a start ended that was not ready when ctx did: it went
// wrong, was given up, or took too long while it waited for something.
func (s *Scaler) notReady(ctx context.Context, t *task, pending string) error {
	cause := context.Cause(ctx)
	if !errors.Is(cause, session.ErrStartTimeout) {
		return cause
	}
	return fmt.Errorf("%w: after %s it still waited %s%s", cause, t.pool.StartTimeout, pending, s.lastWords(t))
}

// lastWords returns the end of the task's log as part of a sentence.
func (s *Scaler) lastWords(t *task) string {
	const most = 3
	s.mu.Lock()
	log := t.view.Log
	s.mu.Unlock()
	if log == nil {
		return ""
	}
	lines := log()
	if len(lines) == 0 {
		return ""
	}
	return "; its log ends with: " + strings.Join(lines[max(0, len(lines)-most):], " / ")
}

// target returns where the task listens.
func (s *Scaler) target(t *task) session.Target {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.view.Target
}

// reach notes that the task has reached a phase.
func (s *Scaler) reach(t *task, phase session.Phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.step(session.Step{Phase: phase, At: time.Now().UTC()})
	s.publishUsers(t)
}

// step appends a phase unless it is there already. s.mu is held.
func (t *task) step(step session.Step) {
	for _, old := range t.steps {
		if old.Phase == step.Phase {
			return
		}
	}
	// A fresh slice: snapshots share the old one.
	t.steps = append(slices.Clip(t.steps), step)
}

// settle ends the start of a task; err is nil if it is ready.
func (s *Scaler) settle(t *task, err error) {
	s.mu.Lock()
	g, now := t.group, time.Now().UTC()
	if t.stage == doomed && err == nil {
		err = errAbandoned
	}
	s.metrics.started(t, err, now)
	if err == nil {
		t.stage, t.readyAt = ready, now
		t.step(session.Step{Phase: session.PhaseReady, At: now})
	} else {
		t.err = err
		if !errors.Is(err, errAbandoned) {
			g.failed(now)
		}
		s.doom(t)
	}
	close(t.settled)
	s.mu.Unlock()

	log := s.log.With("pool", t.pool.Name, "key", t.spec.Key, "task", t.id, "duration", now.Sub(t.began))
	switch {
	case err == nil:
		log.Info("task is ready")
		s.remember(t.pool, now.Sub(t.turn.at))
	case errors.Is(err, errAbandoned):
		log.Info("start is abandoned")
	default:
		log.Warn("start failed", "error", err)
	}
}

// remember adds a successful start to the pool's history.
func (s *Scaler) remember(p *pool, d time.Duration) {
	ctx, cancel := context.WithTimeout(s.background, writePatience)
	defer cancel()
	h, err := saveStart(ctx, s.records, p.Name, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.log.Warn("cannot store a start time", "pool", p.Name, "error", err)
		h = p.past.add(d)
	}
	p.past = h
}

// mayServeOthers reports whether the task, which never answered here, may serve
// on another replica: this one may have been stopped in the middle of the start.
// s.mu is held.
func (t *task) mayServeOthers() bool {
	useful := t.view.State == TaskPending || t.view.State == TaskRunning
	return t.stage == doomed && t.readyAt.IsZero() && useful
}

// doom marks the task for stopping, for good. s.mu is held.
func (s *Scaler) doom(t *task) {
	if t.stage == doomed {
		return
	}
	t.stage = doomed
	t.giveUp(errAbandoned)
	close(t.dooming)
}
