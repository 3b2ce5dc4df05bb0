package dynamo

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/webordinary/warmgate/session"
)

// maxKeyLength is the longest key that the service accepts, in bytes.
const maxKeyLength = 2048

// Record implements [session.Records].
func (s *Store) Record(ctx context.Context, key string) (session.Record, error) {
	var found session.Record
	err := s.do(ctx, "read record "+key, func(ctx context.Context) (err error) {
		found, err = s.record(ctx, key)
		return err
	})
	return found, err
}

func (s *Store) record(ctx context.Context, key string) (session.Record, error) {
	out, err := s.data.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.controlTable, Key: recordKeyOf(key), ConsistentRead: aws.Bool(true),
	})
	switch {
	case err != nil:
		return session.Record{}, err
	case out.Item == nil:
		return session.Record{}, session.ErrNotFound
	}
	var r session.Record
	if v, ok := out.Item[recordValue].(*types.AttributeValueMemberB); ok {
		r.Value = v.Value
	}
	if n, ok := out.Item[recordVersion].(*types.AttributeValueMemberN); ok {
		r.Version, err = strconv.ParseInt(n.Value, 10, 64)
	}
	return r, err
}

// PutRecord implements [session.Records].
func (s *Store) PutRecord(ctx context.Context, key string, value []byte, version int64) (int64, error) {
	what := "put record " + key
	if key == "" || len(key) > maxKeyLength {
		return 0, wrap(ctx, what, &session.InvalidError{Field: "key", Reason: fmt.Sprintf("must have 1 to %d bytes", maxKeyLength)})
	}
	e := putting(value, version)
	write := mark()
	e.set(ownWrite, write)
	err := s.do(ctx, what, func(ctx context.Context) error {
		_, err := s.data.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.controlTable, Key: recordKeyOf(key),
			UpdateExpression: e.update(), ConditionExpression: e.condition(),
			ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		if old, ok := refused(err); ok && !equalValues(old[ownWrite], write) {
			return fmt.Errorf("version %d is not the stored one: %w", version, session.ErrConflict)
		} else if ok {
			return nil
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return version + 1, nil
}

// putting returns the write of a record in place of the given version.
func putting(value []byte, version int64) *expression {
	e := &expression{}
	if version == 0 {
		e.requireMissing(recordKey)
	} else {
		e.requireAt(recordVersion, number(version))
	}
	if value == nil {
		value = []byte{}
	}
	e.set(recordValue, &types.AttributeValueMemberB{Value: value})
	e.set(recordVersion, number(version+1))
	return e
}

func recordKeyOf(key string) item { return item{recordKey: text(key)} }
