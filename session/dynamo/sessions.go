package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/webordinary/warmgate/session"
)

// Session implements [session.Store].
func (s *Store) Session(ctx context.Context, id session.ID) (session.Session, error) {
	var found session.Session
	err := s.do(ctx, "read session "+string(id), func(ctx context.Context) error {
		x, err := s.find(ctx, id)
		if err == nil && x == nil {
			err = session.ErrNotFound
		}
		if err != nil {
			return err
		}
		found = s.decode(x)
		return nil
	})
	return found, err
}

// find returns the session's item by a consistent read, nil if there is none.
func (s *Store) find(ctx context.Context, id session.ID) (item, error) {
	if s.sort != "" {
		return s.findByQuery(ctx, id)
	}
	out, err := s.data.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: s.key(id, ""), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// Create implements [session.Store]. An ended record is overwritten in place:
// what others have added to it stays.
func (s *Store) Create(ctx context.Context, n session.Session) error {
	what := "create session " + string(n.ID)
	if err := n.Validate(); err != nil {
		return wrap(ctx, what, err)
	}
	n = stored(n)
	write := mark()
	e, err := s.creation(&n, write)
	if err != nil {
		return wrap(ctx, what, err)
	}
	return s.do(ctx, what, func(ctx context.Context) error {
		if s.sort != "" {
			return s.createAlone(ctx, &n, e)
		}
		_, err := s.update(ctx, s.key(n.ID, n.UserID), e)
		if old, ok := refused(err); ok && !equalValues(old[ownWrite], write) {
			return fmt.Errorf("it exists: %w", session.ErrConflict)
		} else if ok {
			return nil
		}
		return err
	})
}

// creation returns the write that makes a session in place of none, or of one
// that has ended.
func (s *Store) creation(n *session.Session, write types.AttributeValue) (*expression, error) {
	x, err := s.encode(n)
	if err != nil {
		return nil, err
	}
	e := &expression{}
	s.requireEnded(e)
	for _, name := range append(s.stateAttributes(), s.names.Metadata) {
		e.set(name, x[name])
	}
	for _, name := range ownAttributes() {
		e.set(name, x[name])
	}
	e.set(ownWrite, write)
	return e, nil
}

// requireEnded adds the condition that there is no record, or one that has ended.
func (s *Store) requireEnded(e *expression) {
	ended := e.oneOf(s.names.Status, []string{string(session.Draining), string(session.Expired)})
	e.require("(attribute_not_exists(" + e.name(s.id) + ") OR " + ended + ")")
}

// update writes to one item and returns it as it is then. A refusal brings the
// item as it was.
func (s *Store) update(ctx context.Context, key item, e *expression) (item, error) {
	out, err := s.data.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key,
		UpdateExpression: e.update(), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// Update implements [session.Store].
func (s *Store) Update(ctx context.Context, id session.ID, c session.Change) (session.Session, error) {
	var after session.Session
	err := s.do(ctx, "update session "+string(id), func(ctx context.Context) error {
		u := updating{store: s, id: id, change: storedChange(c), mark: mark()}
		for {
			// Each round that brings nothing means that another write has succeeded.
			done, err := u.round(ctx)
			if done || err != nil {
				after = u.after
				return err
			}
		}
	})
	return after, err
}

// Delete implements [session.Store].
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	return s.do(ctx, "delete session "+string(id), func(ctx context.Context) error {
		if s.sort == "" {
			return s.remove(ctx, s.key(id, ""))
		}
		return s.removeAll(ctx, id)
	})
}

// remove deletes an item that has ended.
func (s *Store) remove(ctx context.Context, key item) error {
	e := &expression{}
	s.requireEnded(e)
	_, err := s.data.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &s.table, Key: key, ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	})
	if _, ok := refused(err); ok {
		return fmt.Errorf("it has not ended: %w", session.ErrConflict)
	}
	return err
}
