package dynamo

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/webordinary/warmgate/session"
)

// Store is a [session.Store] and [session.Records] in two tables. Make one with
// [Open]. Safe for concurrent use.
type Store struct {
	encoding
	table, controlTable string
	timeout             time.Duration
	logger              *slog.Logger

	// data makes the calls that requests may wait for, control all others.
	data, control *dynamodb.Client
	connections   []*http.Client
	// users has the sort keys of sessions seen lately, if the table has one.
	users *lru.Cache[session.ID, string]
}

var (
	_ session.Store   = (*Store)(nil)
	_ session.Records = (*Store)(nil)
)

// knownUsers bounds Store.users; one takes about 150 bytes.
const knownUsers = 100_000

// Close closes the idle connections. Calls after it open new ones.
func (s *Store) Close() error {
	for _, c := range s.connections {
		c.CloseIdleConnections()
	}
	return nil
}

// Ping implements [session.Store]: it looks a session up that need not exist.
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, "ping the session table", func(ctx context.Context) error {
		_, err := s.find(ctx, "warmgate-ping")
		return err
	})
}

// do runs one operation about one session or record, within its time. what is
// for error texts.
func (s *Store) do(ctx context.Context, what string, f func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return wrap(ctx, what, err)
	}
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return wrap(ctx, what, f(bounded))
}

// mark returns a fresh mark for a write.
func mark() types.AttributeValue { return text(rand.Text()[:16]) }
