package dynamo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/webordinary/warmgate/session"
)

// openRetry is how long Open waits between two tries.
const openRetry = 2 * time.Second

// Open reads what the tables are like. While they cannot be reached it tries
// again, until [Options.Patience] is over: then the error wraps
// [session.ErrUnavailable]. A table that does not exist, or whose keys are not as
// they must be, is an error at once, with a text for people.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	if o.Table == "" || o.ControlTable == "" || o.Table == o.ControlTable {
		return nil, &session.InvalidError{Field: "table", Reason: "and control_table must be two names"}
	}
	s := &Store{
		encoding: encoding{names: o.Attributes, ttl: o.TTL},
		table:    o.Table, controlTable: o.ControlTable, timeout: o.Timeout, logger: o.Logger,
	}
	data, dataConnections := dataClient(o)
	control, controlConnections := controlClient(o.Config, o.Endpoint)
	s.data, s.control, s.connections = data, control, []*http.Client{dataConnections, controlConnections}
	var err error
	if s.users, err = lru.New[session.ID, string](knownUsers); err != nil {
		return nil, err
	}
	if err := s.learnPatiently(ctx, o.Patience); err != nil {
		return nil, errors.Join(fmt.Errorf("open the DynamoDB tables: %w", err), s.Close())
	}
	for _, list := range []struct {
		index index
		by    string
	}{{s.byClient, o.Attributes.ClientID}, {s.byStatus, o.Attributes.Status}} {
		if list.index.name == "" {
			o.Logger.Warn("the session table has no index to list by this attribute: every list reads the whole table",
				"table", o.Table, "attribute", list.by)
		}
	}
	return s, nil
}

// learnPatiently reads the tables' schemas, and again while they cannot be reached.
func (s *Store) learnPatiently(ctx context.Context, patience time.Duration) error {
	begin := time.Now()
	for {
		err := s.learn(ctx)
		if err == nil || !errors.Is(err, session.ErrUnavailable) || time.Since(begin)+openRetry > patience {
			return err
		}
		s.logger.Warn("DynamoDB does not answer; trying again", slog.Any("error", err))
		select {
		case <-time.After(openRetry):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// learn reads the schemas of both tables.
func (s *Store) learn(ctx context.Context) error {
	sessions, err := s.describe(ctx, s.table)
	if err != nil {
		return err
	}
	if s.schema, err = readSchema(sessions, s.names); err != nil {
		return fmt.Errorf("table %s: %w", s.table, err)
	}
	control, err := s.describe(ctx, s.controlTable)
	if err != nil {
		return err
	}
	if partition, sort := keyNames(control.KeySchema); partition != recordKey || sort != "" {
		return fmt.Errorf("table %s: its key must be %q alone; it is no control table", s.controlTable, recordKey)
	}
	return nil
}

// describe returns a table's description.
func (s *Store) describe(ctx context.Context, table string) (*types.TableDescription, error) {
	out, err := s.control.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return nil, fmt.Errorf("table %s does not exist in this account and region; warmgate table create makes it", table)
	}
	what := "describe table " + table
	switch {
	case err == nil:
		return out.Table, nil
	case permanent(err):
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return nil, wrap(ctx, what, err)
}
