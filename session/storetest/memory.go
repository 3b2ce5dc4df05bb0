package storetest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/webordinary/warmgate/session"
)

// Op names an operation of a store for [Memory.Intercept].
type Op string

// The operations.
const (
	OpSession   Op = "session"
	OpSessions  Op = "sessions"
	OpCreate    Op = "create"
	OpUpdate    Op = "update"
	OpDelete    Op = "delete"
	OpByClient  Op = "by_client"
	OpByStatus  Op = "by_status"
	OpPing      Op = "ping"
	OpRecord    Op = "record"
	OpPutRecord Op = "put_record"
)

// Memory is a store that keeps everything in memory and keeps the whole
// contract. Safe for concurrent use.
type Memory struct {
	mu        sync.Mutex
	sessions  map[session.ID]session.Session
	records   map[string]session.Record
	intercept func(ctx context.Context, op Op, key string) error
}

var (
	_ session.Store   = (*Memory)(nil)
	_ session.Records = (*Memory)(nil)
)

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{sessions: map[session.ID]session.Session{}, records: map[string]session.Record{}}
}

// Intercept has f called before each operation, with the session id, client id
// or record key that it is about. f may count or block; an error of it is the
// operation's answer. nil ends it. Operations call f concurrently.
func (m *Memory) Intercept(f func(ctx context.Context, op Op, key string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.intercept = f
}

// begin runs the interceptor and then takes the lock, unless there is an error.
func (m *Memory) begin(ctx context.Context, op Op, key string) error {
	m.mu.Lock()
	intercept := m.intercept
	m.mu.Unlock()
	if intercept != nil {
		if err := intercept(ctx, op, key); err != nil {
			return fmt.Errorf("%s %s: %w", op, key, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", op, key, err)
	}
	m.mu.Lock()
	return nil
}

// Session implements [session.Store].
func (m *Memory) Session(ctx context.Context, id session.ID) (session.Session, error) {
	if err := m.begin(ctx, OpSession, string(id)); err != nil {
		return session.Session{}, err
	}
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return session.Session{}, fmt.Errorf("session %s: %w", id, session.ErrNotFound)
	}
	return s.Clone(), nil
}

// Sessions implements [session.Store].
func (m *Memory) Sessions(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	if err := m.begin(ctx, OpSessions, ""); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var found []session.Session
	for _, id := range distinct(ids) {
		if s, ok := m.sessions[id]; ok {
			found = append(found, s.Clone())
		}
	}
	return found, nil
}

func distinct(ids []session.ID) []session.ID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Create implements [session.Store].
func (m *Memory) Create(ctx context.Context, s session.Session) error {
	if err := m.begin(ctx, OpCreate, string(s.ID)); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if err := s.Validate(); err != nil {
		return fmt.Errorf("create %s: %w", s.ID, err)
	}
	if old, ok := m.sessions[s.ID]; ok && !old.Status.Ended() {
		return fmt.Errorf("create %s: it exists: %w", s.ID, session.ErrConflict)
	}
	m.sessions[s.ID] = s.Clone().UTC()
	return nil
}

// Update implements [session.Store].
func (m *Memory) Update(ctx context.Context, id session.ID, c session.Change) (session.Session, error) {
	if err := m.begin(ctx, OpUpdate, string(id)); err != nil {
		return session.Session{}, err
	}
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok {
		return session.Session{}, fmt.Errorf("%s %s: %w", c.Name, id, session.ErrNotFound)
	}
	s, err := c.Apply(s)
	if err != nil {
		return session.Session{}, fmt.Errorf("session %s: %w", id, err)
	}
	s = s.Clone().UTC()
	m.sessions[id] = s
	return s.Clone(), nil
}

// Delete implements [session.Store].
func (m *Memory) Delete(ctx context.Context, id session.ID) error {
	if err := m.begin(ctx, OpDelete, string(id)); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if s, ok := m.sessions[id]; ok && !s.Status.Ended() {
		return fmt.Errorf("delete %s: it is %s: %w", id, s.Status, session.ErrConflict)
	}
	delete(m.sessions, id)
	return nil
}

// ByClient implements [session.Store].
func (m *Memory) ByClient(ctx context.Context, client session.ClientID) iter.Seq2[session.Session, error] {
	return m.list(ctx, OpByClient, string(client), func(s session.Session) bool { return s.ClientID == client })
}

// ByStatus implements [session.Store].
func (m *Memory) ByStatus(ctx context.Context, statuses ...session.Status) iter.Seq2[session.Session, error] {
	return m.list(ctx, OpByStatus, "", func(s session.Session) bool { return slices.Contains(statuses, s.Status) })
}

// list yields what was stored when the iteration began, newest first.
func (m *Memory) list(ctx context.Context, op Op, key string, want func(session.Session) bool) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		if err := m.begin(ctx, op, key); err != nil {
			yield(session.Session{}, err)
			return
		}
		var found []session.Session
		for _, s := range m.sessions {
			if want(s) {
				found = append(found, s.Clone())
			}
		}
		m.mu.Unlock()
		slices.SortFunc(found, func(a, b session.Session) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		for _, s := range found {
			if err := ctx.Err(); err != nil {
				yield(session.Session{}, fmt.Errorf("%s %s: %w", op, key, err))
				return
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// Ping implements [session.Store].
func (m *Memory) Ping(ctx context.Context) error {
	if err := m.begin(ctx, OpPing, ""); err != nil {
		return err
	}
	m.mu.Unlock()
	return nil
}

// Record implements [session.Records].
func (m *Memory) Record(ctx context.Context, key string) (session.Record, error) {
	if err := m.begin(ctx, OpRecord, key); err != nil {
		return session.Record{}, err
	}
	defer m.mu.Unlock()
	r, ok := m.records[key]
	if !ok {
		return session.Record{}, fmt.Errorf("record %s: %w", key, session.ErrNotFound)
	}
	r.Value = slices.Clone(r.Value)
	return r, nil
}

// PutRecord implements [session.Records].
func (m *Memory) PutRecord(ctx context.Context, key string, value []byte, version int64) (int64, error) {
	if err := m.begin(ctx, OpPutRecord, key); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	if key == "" {
		return 0, &session.InvalidError{Field: "key", Reason: "is empty"}
	}
	if stored := m.records[key].Version; stored != version {
		return 0, fmt.Errorf("put record %s: version %d is stored, not %d: %w", key, stored, version, session.ErrConflict)
	}
	m.records[key] = session.Record{Value: slices.Clone(value), Version: version + 1}
	return version + 1, nil
}
