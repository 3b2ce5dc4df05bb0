package ecs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// roster is what all replicas want of a pool's services: the record of the store
// that the desired counts mirror.
type roster struct {
	// Next is the number of the next slot; numbers are never used again.
	Next  int64  `json:"next"`
	Slots []slot `json:"slots"`
	// Services that were used.
	Services []string `json:"services"`

	version int64
}

// slot is one wanted task.
type slot struct {
	ID      string          `json:"id"`
	Service string          `json:"service"`
	Spec    scaler.TaskSpec `json:"spec"`
	Asked   time.Time       `json:"asked"`
	// Task is the ARN of its task, once it has one; it never gets another.
	Task string `json:"task,omitempty"`
	// Ended: its task is gone, and is not wanted again.
	Ended bool `json:"ended,omitempty"`
}

// add appends a slot for the spec.
func (r *roster) add(service string, spec scaler.TaskSpec, task string) slot {
	r.Next++
	s := slot{
		ID: service + "/" + strconv.FormatInt(r.Next, 10), Service: service, Spec: spec, Asked: time.Now().UTC(), Task: task,
	}
	r.Slots = append(r.Slots, s)
	r.use(service)
	return s
}

func (r *roster) use(service string) {
	if !slices.Contains(r.Services, service) {
		r.Services = append(r.Services, service)
	}
}

// find returns the slot, nil if there is none.
func (r *roster) find(is func(*slot) bool) *slot {
	for i := range r.Slots {
		if is(&r.Slots[i]) {
			return &r.Slots[i]
		}
	}
	return nil
}

func withID(id string) func(*slot) bool { return func(s *slot) bool { return s.ID == id } }
func withToken(token string) func(*slot) bool {
	return func(s *slot) bool { return s.Spec.Token == token }
}
func withTask(arn string) func(*slot) bool { return func(s *slot) bool { return s.Task == arn } }

// desired counts the tasks that the service is to have.
func (r *roster) desired(service string) int {
	n := 0
	for i := range r.Slots {
		if r.Slots[i].Service == service && !r.Slots[i].Ended {
			n++
		}
	}
	return n
}

func (r *roster) clone() roster {
	c := *r
	c.Slots, c.Services = slices.Clone(r.Slots), slices.Clone(r.Services)
	return c
}

// rosters reads and writes a roster.
type rosters struct {
	records session.Records
	key     string
}

func (s rosters) read(ctx context.Context) (roster, error) {
	rec, err := s.records.Record(ctx, s.key)
	if errors.Is(err, session.ErrNotFound) {
		return roster{}, nil
	}
	if err != nil {
		return roster{}, fmt.Errorf("read the wanted tasks: %w", err)
	}
	r := roster{version: rec.Version}
	if err := json.Unmarshal(rec.Value, &r); err != nil {
		return roster{}, fmt.Errorf("read the wanted tasks: %w", err)
	}
	return r, nil
}

// edit applies change to the roster, beginning with the version that is known,
// and again to a newer one while others were first. A change that returns false
// is not written. It returns the roster after it.
func (s rosters) edit(ctx context.Context, known roster, change func(*roster) bool) (roster, error) {
	const tries = 20
	for range tries {
		r := known.clone()
		if !change(&r) {
			return known, nil
		}
		value, err := json.Marshal(r)
		if err != nil {
			return known, err
		}
		version, err := s.records.PutRecord(ctx, s.key, value, known.version)
		if err == nil {
			r.version = version
			return r, nil
		}
		if !errors.Is(err, session.ErrConflict) {
			return known, fmt.Errorf("write the wanted tasks: %w", err)
		}
		if known, err = s.read(ctx); err != nil {
			return known, err
		}
	}
	return known, unavailable("write the wanted tasks: others change them all the time")
}
