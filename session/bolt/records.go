package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/webordinary/warmgate/session"
)

// Record implements [session.Records].
func (s *Store) Record(ctx context.Context, key string) (session.Record, error) {
	var found session.Record
	err := s.view(ctx, "read record "+key, func(tx *bbolt.Tx) (err error) {
		found, err = storedRecord(tx, key)
		return err
	})
	return found, err
}

// PutRecord implements [session.Records].
func (s *Store) PutRecord(ctx context.Context, key string, value []byte, version int64) (int64, error) {
	what := "put record " + key
	if key == "" || len(key) > bbolt.MaxKeySize {
		return 0, wrap(what, &session.InvalidError{Field: "key", Reason: fmt.Sprintf("must have 1 to %d bytes", bbolt.MaxKeySize)})
	}
	next := version + 1
	stored := append(binary.BigEndian.AppendUint64(nil, uint64(next)), value...)
	err := s.update(ctx, what, func(tx *bbolt.Tx) error {
		old, err := storedRecord(tx, key)
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			return err
		}
		if old.Version != version {
			return fmt.Errorf("version %d is stored, not %d: %w", old.Version, version, session.ErrConflict)
		}
		return tx.Bucket(recordsBucket).Put([]byte(key), stored)
	})
	if err != nil {
		return 0, err
	}
	return next, nil
}

func storedRecord(tx *bbolt.Tx, key string) (session.Record, error) {
	stored := tx.Bucket(recordsBucket).Get([]byte(key))
	switch {
	case stored == nil:
		return session.Record{}, session.ErrNotFound
	case len(stored) < 8:
		return session.Record{}, errors.New("the record is damaged")
	}
	return session.Record{Value: bytes.Clone(stored[8:]), Version: int64(binary.BigEndian.Uint64(stored))}, nil
}
