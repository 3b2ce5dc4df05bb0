package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/bolt"
	"github.com/webordinary/warmgate/session/dynamo"
)

// store keeps sessions and records until it is closed.
type store interface {
	session.Store
	session.Records
	Close() error
}

// openStore opens the store that the configuration names.
func openStore(ctx context.Context, c *Config, out *outside, logger *slog.Logger) (store, error) {
	if c.Store.Kind == storeDynamoDB {
		return openTables(ctx, c, out, logger)
	}
	s, err := bolt.Open(bolt.Options{Path: c.Store.Path})
	if err != nil {
		return nil, fmt.Errorf("store.path: %w", err)
	}
	return s, nil
}

func openTables(ctx context.Context, c *Config, out *outside, logger *slog.Logger) (store, error) {
	cfg, err := out.aws(ctx, "store", c.Store.Region)
	if err != nil {
		return nil, err
	}
	s, err := dynamo.Open(ctx, dynamo.Options{
		Table: c.Store.Table, ControlTable: c.Store.ControlTable, Attributes: dynamo.Attributes(c.Store.Attributes),
		Config: cfg, Endpoint: c.Store.Endpoint, TTL: c.Sessions.TTL, Logger: logger,
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return s, nil
}
