package bolt

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/webordinary/warmgate/session"
)

// Session implements [session.Store].
func (s *Store) Session(ctx context.Context, id session.ID) (session.Session, error) {
	var found session.Session
	err := s.view(ctx, "read session "+string(id), func(tx *bbolt.Tx) (err error) {
		value := tx.Bucket(sessionsBucket).Get([]byte(id))
		if value == nil {
			return session.ErrNotFound
		}
		found, _, err = decode(value)
		return err
	})
	return found, err
}

// Sessions implements [session.Store].
func (s *Store) Sessions(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	var found []session.Session
	err := s.view(ctx, "read sessions", func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(sessionsBucket)
		seen := make(map[session.ID]bool, len(ids))
		for _, id := range ids {
			value := bucket.Get([]byte(id))
			if value == nil || seen[id] {
				continue
			}
			seen[id] = true
			one, _, err := decode(value)
			if err != nil {
				return fmt.Errorf("session %s: %w", id, err)
			}
			found = append(found, one)
		}
		return nil
	})
	return found, err
}

// Create implements [session.Store].
func (s *Store) Create(ctx context.Context, n session.Session) error {
	what := "create session " + string(n.ID)
	if err := n.Validate(); err != nil {
		return wrap(what, err)
	}
	n = n.UTC()
	metadata, err := encodeMetadata(n.Metadata)
	if err != nil {
		return wrap(what, err)
	}
	value, err := encode(&n, metadata)
	if err != nil {
		return wrap(what, err)
	}
	return s.update(ctx, what, func(tx *bbolt.Tx) error {
		old, err := stored(tx, n.ID)
		switch {
		case err != nil:
			return err
		case old != nil && !old.Status.Ended():
			return fmt.Errorf("it exists: %w", session.ErrConflict)
		case old != nil:
			if err := unindex(tx, old); err != nil {
				return err
			}
		}
		return put(tx, &n, value)
	})
}

// Update implements [session.Store].
func (s *Store) Update(ctx context.Context, id session.ID, c session.Change) (session.Session, error) {
	var after session.Session
	err := s.update(ctx, "update session "+string(id), func(tx *bbolt.Tx) error {
		value := tx.Bucket(sessionsBucket).Get([]byte(id))
		if value == nil {
			return fmt.Errorf("%s: %w", c.Name, session.ErrNotFound)
		}
		before, metadata, err := decode(value)
		if err != nil {
			return err
		}
		changed, err := c.Apply(before)
		if err != nil {
			return err
		}
		after = changed.UTC()
		if value, err = encode(&after, metadata); err != nil {
			return err
		}
		if after.Status == before.Status {
			return tx.Bucket(sessionsBucket).Put([]byte(id), value)
		}
		if err := unindex(tx, &before); err != nil {
			return err
		}
		return put(tx, &after, value)
	})
	if err != nil {
		return session.Session{}, err
	}
	return after, nil
}

// Delete implements [session.Store].
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	return s.update(ctx, "delete session "+string(id), func(tx *bbolt.Tx) error {
		old, err := stored(tx, id)
		switch {
		case err != nil || old == nil:
			return err
		case !old.Status.Ended():
			return fmt.Errorf("it is %s: %w", old.Status, session.ErrConflict)
		}
		if err := unindex(tx, old); err != nil {
			return err
		}
		return tx.Bucket(sessionsBucket).Delete([]byte(id))
	})
}

// stored returns the record of id, nil if there is none.
func stored(tx *bbolt.Tx, id session.ID) (*session.Session, error) {
	value := tx.Bucket(sessionsBucket).Get([]byte(id))
	if value == nil {
		return nil, nil
	}
	s, _, err := decode(value)
	return &s, err
}

// put stores a session and its index entries.
func put(tx *bbolt.Tx, s *session.Session, value []byte) error {
	if err := tx.Bucket(sessionsBucket).Put([]byte(s.ID), value); err != nil {
		return err
	}
	if err := tx.Bucket(clientsBucket).Put(clientKey(s), nil); err != nil {
		return err
	}
	return tx.Bucket(statusesBucket).Put(statusKey(s), nil)
}

// unindex removes a session's index entries.
func unindex(tx *bbolt.Tx, s *session.Session) error {
	if err := tx.Bucket(clientsBucket).Delete(clientKey(s)); err != nil {
		return err
	}
	return tx.Bucket(statusesBucket).Delete(statusKey(s))
}
