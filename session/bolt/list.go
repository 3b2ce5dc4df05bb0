package bolt

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/webordinary/warmgate/session"
)

// pageSize is how many sessions of a list are read in one transaction.
const pageSize = 256

// page reads the sessions that follow position. next is where to go on, nil at
// the end.
type page func(tx *bbolt.Tx, position []byte) (found []session.Session, next []byte, err error)

// ByClient implements [session.Store]: newest first.
func (s *Store) ByClient(ctx context.Context, client session.ClientID) iter.Seq2[session.Session, error] {
	clientGroup := group(string(client))
	return s.list(ctx, "list the sessions of "+string(client), func(tx *bbolt.Tx, position []byte) ([]session.Session, []byte, error) {
		keys := keysAfter(tx.Bucket(clientsBucket), clientGroup, position)
		ids := make([]session.ID, len(keys))
		for i, key := range keys {
			ids[i] = session.ID(clientKeyID(key, clientGroup))
		}
		found, err := indexed(tx, ids)
		return found, last(keys), err
	})
}

// ByStatus implements [session.Store]: in the order of ids, so that a session
// that moves between two of the statuses meanwhile is yielded once.
func (s *Store) ByStatus(ctx context.Context, statuses ...session.Status) iter.Seq2[session.Session, error] {
	statuses = slices.Compact(slices.Sorted(slices.Values(statuses)))
	return s.list(ctx, "list sessions by status", func(tx *bbolt.Tx, position []byte) ([]session.Session, []byte, error) {
		var ids []session.ID
		for _, status := range statuses {
			statusGroup := group(string(status))
			var after []byte
			if position != nil {
				after = slices.Concat(statusGroup, position)
			}
			for _, key := range keysAfter(tx.Bucket(statusesBucket), statusGroup, after) {
				ids = append(ids, session.ID(statusKeyID(key, statusGroup)))
			}
		}
		// The first page of each status has the first page of all of them.
		slices.Sort(ids)
		ids = ids[:min(len(ids), pageSize)]
		found, err := indexed(tx, ids)
		if len(ids) == 0 {
			return found, nil, err
		}
		return found, []byte(ids[len(ids)-1]), err
	})
}

// list yields page after page, with no transaction open meanwhile.
func (s *Store) list(ctx context.Context, what string, read page) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		var position []byte
		for {
			var found []session.Session
			err := s.view(ctx, what, func(tx *bbolt.Tx) (err error) {
				found, position, err = read(tx, position)
				return err
			})
			if err != nil {
				yield(session.Session{}, err)
				return
			}
			for _, one := range found {
				if !yield(one, nil) {
					return
				}
			}
			if position == nil {
				return
			}
		}
	}
}

// keysAfter returns at most a page of the group's keys that follow position, or
// the first ones if it is nil. They are copies.
func keysAfter(bucket *bbolt.Bucket, group, position []byte) [][]byte {
	cursor := bucket.Cursor()
	key, _ := cursor.Seek(group)
	if position != nil {
		if key, _ = cursor.Seek(position); bytes.Equal(key, position) {
			key, _ = cursor.Next()
		}
	}
	var keys [][]byte
	for ; bytes.HasPrefix(key, group) && len(keys) < pageSize; key, _ = cursor.Next() {
		keys = append(keys, bytes.Clone(key))
	}
	return keys
}

func last(keys [][]byte) []byte {
	if len(keys) == 0 {
		return nil
	}
	return keys[len(keys)-1]
}

// indexed returns the sessions that an index has named.
func indexed(tx *bbolt.Tx, ids []session.ID) ([]session.Session, error) {
	found := make([]session.Session, 0, len(ids))
	for _, id := range ids {
		s, err := stored(tx, id)
		if err != nil {
			return nil, fmt.Errorf("session %s: %w", id, err)
		}
		if s == nil {
			return nil, fmt.Errorf("session %s is in an index only: the file is damaged", id)
		}
		found = append(found, *s)
	}
	return found, nil
}
