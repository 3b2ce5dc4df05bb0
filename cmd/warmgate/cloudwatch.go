package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/scaler/cloudwatch"
)

// cloudWatchClient makes a client for the region, at the endpoint of the section
// cloudwatch.
func (c *Config) cloudWatchClient(out *outside, region string) (*cloudwatch.Client, error) {
	cfg, err := out.aws(context.Background(), "cloudwatch", region)
	if err != nil {
		return nil, err
	}
	if c.CloudWatch.Endpoint != "" {
		cfg.BaseEndpoint = &c.CloudWatch.Endpoint
	}
	return cloudwatch.NewClient(cfg), nil
}

// cloudWatch makes the publisher of metrics, nil if there is to be none. lead
// reports whether this replica is the one that publishes.
func (c *Config) cloudWatch(
	out *outside, sessions cloudwatch.Sessions, metrics *prometheus.Registry, lead func() bool, logger *slog.Logger,
) (*cloudwatch.Publisher, error) {
	if !c.CloudWatch.Enabled {
		return nil, nil
	}
	client, err := c.cloudWatchClient(out, c.CloudWatch.Region)
	if err != nil {
		return nil, err
	}
	o := c.cloudWatchOptions()
	o.Client, o.Sessions, o.Gatherer, o.Registerer = client, sessions, metrics, metrics
	o.Lead, o.Logger = lead, logger
	p, err := cloudwatch.New(o)
	if err != nil {
		return nil, fmt.Errorf("cloudwatch: %w", err)
	}
	return p, nil
}
