package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

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
func openStore(ctx context.Context, c *Config, logger *slog.Logger) (store, error) {
	if c.Store.Kind == storeDynamoDB {
		return openTables(ctx, c, logger)
	}
	s, err := bolt.Open(bolt.Options{Path: c.Store.Path})
	if err != nil {
		return nil, fmt.Errorf("store.path: %w", err)
	}
	return s, nil
}

func openTables(ctx context.Context, c *Config, logger *slog.Logger) (store, error) {
	cfg, err := c.Store.awsConfig(ctx)
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

// awsConfig returns the region and the credentials of the AWS environment
// (variables, shared files, the task's role), with the configured region.
func (s *StoreConfig) awsConfig(ctx context.Context) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if s.Region != "" {
		options = append(options, config.WithRegion(s.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("store: read the AWS environment: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, fmt.Errorf("store.region: there is none: set it, or AWS_REGION")
	}
	return cfg, nil
}
