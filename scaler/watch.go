package scaler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/session"
)

// watch asks the driver whenever something may have changed.
func (s *Scaler) watch(ctx context.Context, p *pool) {
	changed := p.Driver.Changed()
	var tick <-chan time.Time
	if changed == nil {
		ticker := time.NewTicker(p.PollInterval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			s.look(ctx, p)
		case <-tick:
			if s.hasTasks(p) {
				s.look(ctx, p)
			}
		}
	}
}

func (s *Scaler) hasTasks(p *pool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(p.tasks) > 0
}

// look asks the driver for its tasks and takes over what it says. It reports
// whether the driver has answered.
func (s *Scaler) look(ctx context.Context, p *pool) bool {
	select {
	case p.looking <- struct{}{}:
		defer func() { <-p.looking }()
	case <-ctx.Done():
		return false
	}
	s.mu.Lock()
	horizon := p.registered // what was registered later need not be in the list
	s.mu.Unlock()
	views, err := p.Driver.Tasks(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("cannot list tasks", "pool", p.Name, "error", err)
		}
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := make(map[string]bool, len(views))
	unknown := make(map[string]*stranger)
	for _, v := range views {
		listed[v.ID] = true
		if t := p.byID[v.ID]; t != nil {
			s.observe(t, v)
		} else if !p.expects(v.Spec.Token) {
			unknown[v.ID] = p.meet(v)
		}
	}
	p.unknown = unknown
	for id, t := range p.byID {
		if !listed[id] && t.order <= horizon {
			s.observe(t, Task{ID: id, State: TaskGone, Cause: "the task has disappeared", Target: t.view.Target, Log: t.view.Log})
		}
	}
	return true
}

// expects reports whether a start with this token is being asked for, so that
// the task listed is the answer. s.mu is held.
func (p *pool) expects(token string) bool {
	for t := range p.tasks {
		if t.id == "" && t.spec.Token == token {
			return true
		}
	}
	return false
}

// meet notes a task that nobody here has started. s.mu is held.
func (p *pool) meet(v Task) *stranger {
	if known := p.unknown[v.ID]; known != nil {
		known.Task = v
		return known
	}
	return &stranger{Task: v, since: time.Now()}
}

// observe takes over what the driver says of a task. s.mu is held.
func (s *Scaler) observe(t *task, v Task) {
	t.view = v
	for _, step := range v.Steps {
		t.step(step)
	}
	close(t.viewed)
	t.viewed = make(chan struct{})
	switch v.State {
	case TaskStopping:
		s.lose(t, fmt.Errorf("%w: the task is being stopped", session.ErrStartFailed))
	case TaskGone:
		s.lose(t, fmt.Errorf("%w: %w", session.ErrStartFailed, errors.New(v.Cause)))
	case TaskPending, TaskRunning:
		s.publishUsers(t)
	}
}
