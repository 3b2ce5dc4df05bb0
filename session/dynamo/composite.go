package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/webordinary/warmgate/session"
)

// What a table with a sort key needs beyond: one id may have an item for each
// user, of which at most one is a session that has not ended.

// findByQuery returns the item of id that counts, nil if there is none.
func (s *Store) findByQuery(ctx context.Context, id session.ID) (item, error) {
	all, err := s.itemsOf(ctx, id)
	if err != nil || len(all) == 0 {
		s.forget(id)
		return nil, err
	}
	best := all[0]
	for _, x := range all[1:] {
		if s.beats(x, best) {
			best = x
		}
	}
	s.users.Add(id, textOf(best[s.sort]))
	return best, nil
}

// beats reports whether the item a counts rather than b: one that has not ended
// does, and then the one used last.
func (s *Store) beats(a, b item) bool {
	x, y := s.decode(a), s.decode(b)
	if x.Status.Ended() != y.Status.Ended() {
		return y.Status.Ended()
	}
	return x.LastActivity.At.After(y.LastActivity.At)
}

// itemsOf returns all items of id by a consistent read.
func (s *Store) itemsOf(ctx context.Context, id session.ID) ([]item, error) {
	e := &expression{}
	e.requireAt(s.id, text(string(id)))
	pages := dynamodb.NewQueryPaginator(s.data, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	var all []item
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
	}
	return all, nil
}

// user returns the sort key of id's item, as far as it is known without a read.
func (s *Store) user(id session.ID) (user string, ok bool) {
	if s.sort == "" {
		return "", true
	}
	return s.users.Get(id)
}

// forget forgets the sort key of id's item.
func (s *Store) forget(id session.ID) {
	if s.sort != "" {
		s.users.Remove(id)
	}
}

// keyOf returns the primary key of an item.
func (s *Store) keyOf(x item) item {
	key := item{s.id: x[s.id]}
	if s.sort != "" {
		key[s.sort] = x[s.sort]
	}
	return key
}

// guardLife is how long the guard of a creation is kept: longer than any
// creation takes.
const guardLife = 24 * time.Hour

// createAlone makes a session in a table with a sort key. No condition on one
// item can see those of other users, so a versioned guard in the control table
// lets one creation of an id succeed at a time. Items of other users, which have
// ended, are deleted with it.
func (s *Store) createAlone(ctx context.Context, n *session.Session, e *expression) error {
	guardKey := "create/" + string(n.ID)
	guard, err := s.record(ctx, guardKey)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	all, err := s.itemsOf(ctx, n.ID)
	if err != nil {
		return err
	}
	guarded := putting(nil, guard.Version)
	guarded.set(recordTTL, number(time.Now().Add(guardLife).Unix()))
	key := s.key(n.ID, n.UserID)
	actions := []types.TransactWriteItem{
		transactUpdate(s.controlTable, recordKeyOf(guardKey), guarded), transactUpdate(s.table, key, e),
	}
	for _, x := range all {
		if old := s.decode(x); !old.Status.Ended() {
			return fmt.Errorf("it exists: %w", session.ErrConflict)
		}
		if !equalValues(x[s.sort], key[s.sort]) {
			actions = append(actions, s.transactRemove(s.keyOf(x)))
		}
	}
	_, err = s.data.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: actions})
	if lost(err) {
		return fmt.Errorf("somebody else has made it: %w", session.ErrConflict)
	}
	if err == nil {
		s.users.Add(n.ID, sortValue(n.UserID))
	}
	return err
}

func transactUpdate(table string, key item, e *expression) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &table, Key: key,
		UpdateExpression: e.update(), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}}
}

func (s *Store) transactRemove(key item) types.TransactWriteItem {
	e := &expression{}
	s.requireEnded(e)
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.table, Key: key, ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}}
}

// removeAll deletes all items of id, which must have ended.
func (s *Store) removeAll(ctx context.Context, id session.ID) error {
	all, err := s.itemsOf(ctx, id)
	if err != nil {
		return err
	}
	for _, x := range all {
		if err := s.remove(ctx, s.keyOf(x)); err != nil {
			return err
		}
	}
	s.forget(id)
	return nil
}
