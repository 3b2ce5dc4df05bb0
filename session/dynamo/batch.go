package dynamo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/webordinary/warmgate/session"
)

const (
	// batchSize is the most keys that one call takes.
	batchSize = 100
	// batchTries bounds the calls for the keys that the service leaves over.
	batchTries = 8
	batchWait  = 25 * time.Millisecond
	// queriesAtOnce bounds the look-ups that are made in parallel.
	queriesAtOnce = 8
)

// Sessions implements [session.Store], by consistent reads.
func (s *Store) Sessions(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	const what = "read sessions"
	if err := ctx.Err(); err != nil {
		return nil, wrap(ctx, what, err)
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var keys []item
	var unknown []session.ID
	for _, id := range ids {
		if user, ok := s.user(id); ok {
			keys = append(keys, s.key(id, user))
		} else {
			unknown = append(unknown, id)
		}
	}
	items, err := s.read(ctx, keys)
	if err != nil {
		return nil, wrap(ctx, what, err)
	}
	found := make([]session.Session, 0, len(ids))
	for i, x := range items {
		if x != nil {
			found = append(found, s.decode(x))
		} else if s.sort != "" { // it may be another user's by now
			unknown = append(unknown, session.ID(textOf(keys[i][s.id])))
		}
	}
	queried, err := s.query(ctx, unknown)
	return append(found, queried...), wrap(ctx, what, err)
}

// query looks each id up by itself.
func (s *Store) query(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	items := make([]item, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(queriesAtOnce)
	for i, id := range ids {
		group.Go(func() (err error) {
			items[i], err = s.find(ctx, id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var found []session.Session
	for _, x := range items {
		if x != nil {
			found = append(found, s.decode(x))
		}
	}
	return found, nil
}

// read returns the items with the given keys, in their order; nil for each that
// does not exist. The keys must differ.
func (s *Store) read(ctx context.Context, keys []item) ([]item, error) {
	found := make(map[[2]string]item, len(keys))
	for chunk := range slices.Chunk(keys, batchSize) {
		if err := s.readChunk(ctx, chunk, found); err != nil {
			return nil, err
		}
	}
	items := make([]item, len(keys))
	for i, key := range keys {
		items[i] = found[s.identity(key)]
	}
	return items, nil
}

// readChunk reads up to batchSize items. What the service leaves over is asked
// for again.
func (s *Store) readChunk(ctx context.Context, keys []item, found map[[2]string]item) error {
	for try := range batchTries {
		out, err := s.control.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return err
		}
		for _, x := range out.Responses[s.table] {
			found[s.identity(x)] = x
		}
		if keys = out.UnprocessedKeys[s.table].Keys; len(keys) == 0 {
			return nil
		}
		wait := batchWait<<try/2 + rand.N(batchWait<<try) //nolint:gosec // spreads load; nobody is to guess it
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("%d items were left over %d times: %w", len(keys), batchTries, session.ErrUnavailable)
}

// identity returns the values of an item's key.
func (s *Store) identity(x item) [2]string { return [2]string{textOf(x[s.id]), textOf(x[s.sort])} }
