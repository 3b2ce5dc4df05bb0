package pooled

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/webordinary/warmgate/session"
)

// Store keeps pools' own records apart from sessions. Safe for concurrent use.
type Store struct {
	sessions session.Store
	records  session.Records
	pools    func() []string
}

var _ session.Store = (*Store)(nil)

// New returns a Store that keeps sessions in sessions and pools' own records in
// records. pools returns the names of the pools that there are: only their records
// are listed.
func New(sessions session.Store, records session.Records, pools func() []string) *Store {
	return &Store{sessions: sessions, records: records, pools: pools}
}

// Session implements [session.Store].
func (s *Store) Session(ctx context.Context, id session.ID) (session.Session, error) {
	if !isPool(id) {
		return s.sessions.Session(ctx, id)
	}
	found, _, err := s.load(ctx, id)
	return found, err
}

// Sessions implements [session.Store].
func (s *Store) Sessions(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	if !slices.ContainsFunc(ids, isPool) {
		return s.sessions.Sessions(ctx, ids)
	}
	var found []session.Session
	var others []session.ID
	seen := make(map[session.ID]bool)
	for _, id := range ids {
		if !isPool(id) {
			others = append(others, id)
			continue
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		one, _, err := s.load(ctx, id)
		if err == nil {
			found = append(found, one)
		} else if !errors.Is(err, session.ErrNotFound) {
			return nil, err
		}
	}
	if len(others) == 0 {
		return found, nil
	}
	rest, err := s.sessions.Sessions(ctx, others)
	return append(found, rest...), err
}

// Create implements [session.Store].
func (s *Store) Create(ctx context.Context, n session.Session) error {
	if !isPool(n.ID) {
		return s.sessions.Create(ctx, n)
	}
	if !n.Status.Valid() {
		return fmt.Errorf("create %s: %w", n.ID, &session.InvalidError{Field: "status", Reason: "is no known status"})
	}
	old, version, err := s.load(ctx, n.ID)
	switch {
	case err == nil && !old.Status.Ended():
		return fmt.Errorf("create %s: it exists: %w", n.ID, session.ErrConflict)
	case err != nil && !errors.Is(err, session.ErrNotFound):
		return fmt.Errorf("create %s: %w", n.ID, err)
	}
	return s.save(ctx, n.ID, &n, version)
}

// Update implements [session.Store].
func (s *Store) Update(ctx context.Context, id session.ID, c session.Change) (session.Session, error) {
	if !isPool(id) {
		return s.sessions.Update(ctx, id, c)
	}
	for {
		before, version, err := s.load(ctx, id)
		if err != nil {
			return session.Session{}, fmt.Errorf("%s: %w", c.Name, err)
		}
		after, err := c.Apply(before)
		if err != nil {
			return session.Session{}, fmt.Errorf("update %s: %w", id, err)
		}
		after = after.UTC()
		// Whoever was faster has changed the record: what it says now decides.
		switch err := s.save(ctx, id, &after, version); {
		case err == nil:
			return after, nil
		case !errors.Is(err, session.ErrConflict):
			return session.Session{}, fmt.Errorf("update %s: %w", id, err)
		}
	}
}

// Delete implements [session.Store].
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	if !isPool(id) {
		return s.sessions.Delete(ctx, id)
	}
	old, version, err := s.load(ctx, id)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("delete %s: %w", id, err)
	case !old.Status.Ended():
		return fmt.Errorf("delete %s: it is %s: %w", id, old.Status, session.ErrConflict)
	}
	return s.save(ctx, id, nil, version)
}

// ByClient implements [session.Store]: a pool's own record is no client's.
func (s *Store) ByClient(ctx context.Context, client session.ClientID) iter.Seq2[session.Session, error] {
	return s.sessions.ByClient(ctx, client)
}

// ByStatus implements [session.Store]: pools' own records come first.
func (s *Store) ByStatus(ctx context.Context, statuses ...session.Status) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		for _, pool := range s.pools() {
			one, _, err := s.load(ctx, session.PoolID(pool))
			if errors.Is(err, session.ErrNotFound) || err == nil && !slices.Contains(statuses, one.Status) {
				continue
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
		for one, err := range s.sessions.ByStatus(ctx, statuses...) {
			if !yield(one, err) {
				return
			}
		}
	}
}

// Ping implements [session.Store].
func (s *Store) Ping(ctx context.Context) error { return s.sessions.Ping(ctx) }

func isPool(id session.ID) bool {
	_, ok := id.Pool()
	return ok
}
