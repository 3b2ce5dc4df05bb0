package scaler_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/webordinary/warmgate/session"
)

// memory is a session.Store and session.Records without a disk. It can be made
// to be out of reach.
type memory struct {
	mu       sync.Mutex
	sessions map[session.ID]session.Session
	records  map[string]session.Record
	down     bool
	// changes are the names of the changes that were applied, in order.
	changes []string
}

func newMemory() *memory {
	return &memory{sessions: make(map[session.ID]session.Session), records: make(map[string]session.Record)}
}

func (m *memory) setDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *memory) applied() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.changes)
}

func (m *memory) lock() error {
	m.mu.Lock()
	if m.down {
		m.mu.Unlock()
		return fmt.Errorf("memory: %w", session.ErrUnavailable)
	}
	return nil
}

func (m *memory) Session(ctx context.Context, id session.ID) (session.Session, error) {
	if err := ctx.Err(); err != nil {
		return session.Session{}, err
	}
	if err := m.lock(); err != nil {
		return session.Session{}, err
	}
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return session.Session{}, session.ErrNotFound
	}
	return s.Clone(), nil
}

func (m *memory) Sessions(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	var all []session.Session
	for _, id := range ids {
		if s, err := m.Session(ctx, id); err == nil {
			all = append(all, s)
		}
	}
	return all, nil
}

func (m *memory) Create(_ context.Context, s session.Session) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if old, ok := m.sessions[s.ID]; ok && !old.Status.Ended() {
		return session.ErrConflict
	}
	m.sessions[s.ID] = s
	return nil
}

func (m *memory) Update(_ context.Context, id session.ID, c session.Change) (session.Session, error) {
	if err := m.lock(); err != nil {
		return session.Session{}, err
	}
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return session.Session{}, session.ErrNotFound
	}
	s, err := c.Apply(s)
	if err != nil {
		return session.Session{}, err
	}
	m.sessions[id] = s
	m.changes = append(m.changes, c.Name)
	return s.Clone(), nil
}

func (m *memory) Delete(_ context.Context, id session.ID) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	delete(m.sessions, id)
	return nil
}

func (m *memory) all(want func(session.Session) bool) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		if err := m.lock(); err != nil {
			yield(session.Session{}, err)
			return
		}
		sessions := slices.Collect(maps.Values(m.sessions))
		m.mu.Unlock()
		for _, s := range sessions {
			if want(s) && !yield(s, nil) {
				return
			}
		}
	}
}

func (m *memory) ByClient(_ context.Context, client session.ClientID) iter.Seq2[session.Session, error] {
	return m.all(func(s session.Session) bool { return s.ClientID == client })
}

func (m *memory) ByStatus(_ context.Context, statuses ...session.Status) iter.Seq2[session.Session, error] {
	return m.all(func(s session.Session) bool { return slices.Contains(statuses, s.Status) })
}

func (m *memory) Ping(context.Context) error { return nil }

func (m *memory) Record(_ context.Context, key string) (session.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[key]
	if !ok {
		return session.Record{}, session.ErrNotFound
	}
	return r, nil
}

func (m *memory) PutRecord(_ context.Context, key string, value []byte, version int64) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records[key].Version != version {
		return 0, session.ErrConflict
	}
	m.records[key] = session.Record{Value: value, Version: version + 1}
	return version + 1, nil
}

// extender writes activity at once when it is flushed, and never by itself.
type extender struct{ store session.Store }

func (x extender) Touch(l *session.Live, a session.Activity) { l.Touch(a) }

func (x extender) Flush(ctx context.Context, l *session.Live) error {
	c, ok := l.TakePending(time.Now())
	if !ok {
		return nil
	}
	if _, err := x.store.Update(ctx, l.ID(), c); err != nil {
		l.RestorePending()
		return err
	}
	return nil
}
