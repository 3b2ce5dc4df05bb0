package main

import (
	"time"

	"github.com/webordinary/warmgate/scaler/cloudwatch"
)

// CloudWatchConfig is the section cloudwatch.
type CloudWatchConfig struct {
	Enabled       bool          `yaml:"enabled" env:"ENABLED" doc:"Publish metrics (docs/cloudwatch.md)."`
	Namespace     string        `yaml:"namespace" env:"NAMESPACE" doc:"Namespace of the metrics."`
	Region        string        `yaml:"region" env:"REGION" doc:"The region; empty for the one of the AWS environment."`
	Endpoint      string        `yaml:"endpoint" env:"ENDPOINT" doc:"URL of the service, for a stand-in or a VPC endpoint; empty for the region's own."`
	Interval      time.Duration `yaml:"interval" env:"INTERVAL" doc:"Time between two publications; at least 1s. CloudWatch keeps minutes."`
	Clients       int           `yaml:"clients" env:"CLIENTS" doc:"Clients with an ActiveSessionCount of their own, each of which is a metric to pay for; those with the most sessions. 0 for none."`
	TaskHourPrice float64       `yaml:"task_hour_price" env:"TASK_HOUR_PRICE" doc:"What a task of the pools on ECS costs for an hour, in US dollars, for CostPerSession. 0: that is not published."`
}

func defaultCloudWatch() CloudWatchConfig {
	return CloudWatchConfig{Namespace: "Webordinary/EditSessions", Interval: cloudwatch.DefaultInterval, Clients: 100}
}

// cloudWatchOptions returns the section as the publisher has it.
func (c *Config) cloudWatchOptions() cloudwatch.Options {
	o := cloudwatch.Options{
		Namespace: c.CloudWatch.Namespace, Interval: c.CloudWatch.Interval,
		MaxClients: c.CloudWatch.Clients, TaskHourPrice: c.CloudWatch.TaskHourPrice,
	}
	for _, name := range c.poolNames() {
		if c.Pools[name].usesECS() {
			o.Pools = append(o.Pools, name)
		}
	}
	return o
}

// checkCloudWatch checks what checkNumbers does not.
func (c *Config) checkCloudWatch(m *mistakes) {
	m.url("cloudwatch.endpoint", c.CloudWatch.Endpoint)
	if w := c.CloudWatch; min(w.Interval, time.Duration(w.Clients)) >= 0 && w.TaskHourPrice >= 0 {
		m.addInvalid("cloudwatch.", c.cloudWatchOptions().Validate())
	}
}
