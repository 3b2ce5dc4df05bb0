package scaler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/webordinary/warmgate/session"
)

// cordon is what is about to happen to a task that sessions share. It stands in
// a record of the pool, by the task's id.
type cordon struct {
	// By tells one attempt to stop the task from any other.
	By string `json:"by"`
	// Doomed: no session has the task, and none gets it any more.
	Doomed bool      `json:"doomed,omitempty"`
	At     time.Time `json:"at"`
}

// cordonMemory is how long a cordon is kept, much longer than it takes to stop
// a task. The ids of tasks are never used again.
const cordonMemory = time.Hour

func cordonKey(pool string) string { return "cordons/" + pool }

// loadCordons reads the cordons of the pool and the version to write on.
func (s *Scaler) loadCordons(ctx context.Context, p *pool) (map[string]cordon, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	cordons := make(map[string]cordon)
	r, err := s.records.Record(ctx, cordonKey(p.Name))
	switch {
	case errors.Is(err, session.ErrNotFound):
		return cordons, 0, nil
	case err != nil:
		s.noteOutage(err)
		return nil, 0, fmt.Errorf("read the cordons of pool %s: %w", p.Name, err)
	}
	if err := json.Unmarshal(r.Value, &cordons); err != nil {
		return nil, 0, fmt.Errorf("read the cordons of pool %s: %w", p.Name, err)
	}
	return cordons, r.Version, nil
}

// editCordons applies change to the cordons of the pool as they are now, again
// if another replica was faster. A change that returns false is not written.
func (s *Scaler) editCordons(ctx context.Context, p *pool, change func(map[string]cordon) bool) error {
	const tries = 10
	for range tries {
		cordons, version, err := s.loadCordons(ctx, p)
		if err != nil {
			return err
		}
		if !change(cordons) {
			return nil
		}
		maps.DeleteFunc(cordons, func(_ string, c cordon) bool { return time.Since(c.At) >= cordonMemory })
		value, err := json.Marshal(cordons)
		if err != nil {
			return err
		}
		if _, err = s.records.PutRecord(ctx, cordonKey(p.Name), value, version); !errors.Is(err, session.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("write the cordons of pool %s: others change them all the time: %w", p.Name, session.ErrUnavailable)
}

// confirm reports whether the task may serve a session whose record names it
// already: whoever wants to stop the task writes its cordon first and looks at
// the records later, so that one of the two sees the other. A cordon is lifted by
// that; a task that is doomed stays so, and its session has to leave.
func (s *Scaler) confirm(ctx context.Context, p *pool, task string) (bool, error) {
	if s.opts.Alone || p.dedicated {
		return true, nil
	}
	doomed := false
	err := s.editCordons(ctx, p, func(cordons map[string]cordon) bool {
		c, is := cordons[task]
		doomed = c.Doomed
		if is && !doomed {
			delete(cordons, task)
		}
		return is && !doomed
	})
	if err == nil && doomed {
		s.learnDoomed(p, task)
	}
	return err == nil && !doomed, err
}

// learnDoomed has a task stopped, here too, that is doomed by the record.
func (s *Scaler) learnDoomed(p *pool, task string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := p.byID[task]
	if v := p.unknown[task]; t == nil && v != nil {
		t = s.found(p, v.Task, true) // no need to probe what is stopped at once
	}
	if t != nil {
		s.doom(t)
	}
}

// stopDoomed has the tasks stopped that another replica has doomed, and may not
// have lived to stop.
func (s *Scaler) stopDoomed(ctx context.Context) {
	for _, p := range s.pools {
		if p.dedicated || !s.leads() || !s.hasAny(p) {
			continue
		}
		cordons, _, err := s.loadCordons(ctx, p)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("cannot look for doomed tasks", "pool", p.Name, "error", err)
		}
		for task, c := range cordons {
			if c.Doomed {
				s.learnDoomed(p, task)
			}
		}
	}
}

// hasAny reports whether the pool has a task, whoever has started it.
func (s *Scaler) hasAny(p *pool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(p.tasks)+len(p.unknown) > 0
}
