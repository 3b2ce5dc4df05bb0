package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// The names of the indexes that we make.
const (
	clientIndex = "client-index"
	statusIndex = "status-index"
)

// Plan is a table to be made: paid by request, with deletion protection,
// point-in-time recovery, and expired items deleted by the service.
type Plan struct {
	Table *dynamodb.CreateTableInput
	// TTL is the attribute by which the service deletes.
	TTL string
}

// Plans returns the session table and the control table for those who have
// none. An extension of a session in it costs one write unit: the keys of both
// indexes are written once (the client, the creation) or change with the status
// only, and the indexes keep nothing else.
func Plans(table, controlTable string, a Attributes) []Plan {
	a = a.WithDefaults()
	const id = "sessionId"
	sessions := newTable(table, attribute(id, "S"), attribute(a.ClientID, "S"), attribute(a.Status, "S"), attribute(a.CreatedAt, "N"))
	sessions.KeySchema = keys(id, "")
	sessions.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{
		keysOnly(clientIndex, a.ClientID, a.CreatedAt), keysOnly(statusIndex, a.Status, a.CreatedAt),
	}
	control := newTable(controlTable, attribute(recordKey, "S"))
	control.KeySchema = keys(recordKey, "")
	return []Plan{{Table: sessions, TTL: a.TTL}, {Table: control, TTL: recordTTL}}
}

func newTable(name string, attributes ...types.AttributeDefinition) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		DeletionProtectionEnabled: aws.Bool(true), AttributeDefinitions: attributes,
	}
}

func attribute(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
	return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
}

func keys(partition, sort string) []types.KeySchemaElement {
	k := []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}}
	if sort != "" {
		k = append(k, types.KeySchemaElement{AttributeName: &sort, KeyType: types.KeyTypeRange})
	}
	return k
}

func keysOnly(name, partition, sort string) types.GlobalSecondaryIndex {
	return types.GlobalSecondaryIndex{
		IndexName: &name, KeySchema: keys(partition, sort),
		Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
	}
}

// Outcome says what became of one step of [CreateTable], for people.
type Outcome struct {
	Step string
	// Err is why the step was not done. The table can be used without any of them.
	Err error
}

// activeWait bounds the wait for a new table.
const activeWait = 5 * time.Minute

// CreateTable makes the table of a plan, unless it exists, and switches on what
// can only be switched on afterwards: the deletion of expired items and
// point-in-time recovery. Not every endpoint knows those: each has its outcome.
// made is false if the table existed; then nothing is done to it.
func CreateTable(ctx context.Context, c *dynamodb.Client, p Plan) (made bool, outcomes []Outcome, err error) {
	name := aws.ToString(p.Table.TableName)
	_, err = c.CreateTable(ctx, p.Table)
	if _, exists := errors.AsType[*types.ResourceInUseException](err); exists {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, fmt.Errorf("create table %s: %w", name, err)
	}
	waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Second, 5*time.Second
	})
	if err := waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, activeWait); err != nil {
		return true, nil, fmt.Errorf("wait for table %s: %w", name, err)
	}
	_, err = c.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &p.TTL, Enabled: aws.Bool(true)},
	})
	outcomes = append(outcomes, Outcome{"delete expired items by " + p.TTL, err})
	outcomes = append(outcomes, Outcome{"point-in-time recovery", enableRecovery(ctx, c, name)})
	return true, outcomes, nil
}

// A new table is not ready for backups at once.
const (
	recoveryTries = 10
	recoveryWait  = 3 * time.Second
)

func enableRecovery(ctx context.Context, c *dynamodb.Client, table string) error {
	for try := 1; ; try++ {
		_, err := c.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
			TableName:                        &table,
			PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
		})
		if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "UnknownOperationException" {
			return errors.New("there is none at this endpoint")
		}
		if _, early := errors.AsType[*types.ContinuousBackupsUnavailableException](err); !early || try == recoveryTries {
			return err
		}
		select {
		case <-time.After(recoveryWait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
