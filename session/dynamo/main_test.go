package dynamo_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/webordinary/warmgate/session/dynamo"
	"github.com/webordinary/warmgate/session/dynamo/dynamotest"
)

// local is the one DynamoDB Local of all tests here, started by the first that
// needs it. Each test has tables of its own.
var local struct {
	start  sync.Once
	server *dynamotest.Server
	err    error
	tables atomic.Int64
}

func TestMain(m *testing.M) {
	code := m.Run()
	if local.server != nil {
		local.server.Stop()
	}
	os.Exit(code)
}

func endpoint(t testing.TB) string {
	t.Helper()
	local.start.Do(func() { local.server, local.err = dynamotest.Run(context.Background()) })
	dynamotest.Check(t, local.err)
	return local.server.Endpoint
}

func awsConfig() aws.Config {
	return aws.Config{
		Region:      dynamotest.Region,
		Credentials: credentials.NewStaticCredentialsProvider(dynamotest.AccessKey, dynamotest.SecretKey, ""),
	}
}

func client(t testing.TB) *dynamodb.Client {
	t.Helper()
	return dynamo.NewControlClient(awsConfig(), endpoint(t))
}

// options names two tables that no other test uses. The machine is small and
// shared: calls get more time than in production.
func options(t testing.TB) dynamo.Options {
	t.Helper()
	n := local.tables.Add(1)
	return dynamo.Options{
		Table: fmt.Sprintf("sessions-%d", n), ControlTable: fmt.Sprintf("control-%d", n),
		Config: awsConfig(), Endpoint: endpoint(t),
		AttemptTimeout: 20e9, Timeout: 60e9,
	}
}

// makeTables makes the tables of o as "warmgate table create" does; adapt may
// change the session table.
func makeTables(t testing.TB, o dynamo.Options, adapt func(*dynamodb.CreateTableInput)) {
	t.Helper()
	plans := dynamo.Plans(o.Table, o.ControlTable, o.Attributes)
	if adapt != nil {
		adapt(plans[0].Table)
	}
	for _, p := range plans {
		if made, _, err := dynamo.CreateTable(t.Context(), client(t), p); err != nil || !made {
			t.Fatalf("CreateTable = %t, %v", made, err)
		}
	}
}

func open(t testing.TB, o dynamo.Options) *dynamo.Store {
	t.Helper()
	st, err := dynamo.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	return st
}

// withUser gives the session table its second key schema.
func withUser(in *dynamodb.CreateTableInput) {
	in.AttributeDefinitions = append(in.AttributeDefinitions,
		types.AttributeDefinition{AttributeName: aws.String("userId"), AttributeType: types.ScalarAttributeTypeS})
	in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String("userId"), KeyType: types.KeyTypeRange})
}

// customerIndexes gives the session table the indexes that the existing one was
// designed with.
func customerIndexes(in *dynamodb.CreateTableInput) {
	in.AttributeDefinitions = []types.AttributeDefinition{in.AttributeDefinitions[0]}
	for _, name := range []string{"clientId", "status", "lastActivityAt", "containerId"} {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{
		indexOn("client-index", "clientId", "status"),
		indexOn("status-index", "status", "lastActivityAt"),
		indexOn("container-index", "containerId", ""),
	}
}

func noIndexes(in *dynamodb.CreateTableInput) {
	in.AttributeDefinitions = in.AttributeDefinitions[:1]
	in.GlobalSecondaryIndexes = nil
}

func indexOn(name, partition, sort string) types.GlobalSecondaryIndex {
	g := types.GlobalSecondaryIndex{
		IndexName: &name, Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		KeySchema: []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}},
	}
	if sort != "" {
		g.KeySchema = append(g.KeySchema, types.KeySchemaElement{AttributeName: &sort, KeyType: types.KeyTypeRange})
	}
	return g
}

// both applies two adaptations.
func both(a, b func(*dynamodb.CreateTableInput)) func(*dynamodb.CreateTableInput) {
	return func(in *dynamodb.CreateTableInput) { a(in); b(in) }
}
