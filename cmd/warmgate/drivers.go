package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/ecs"
	"github.com/webordinary/warmgate/scaler/process"
	"github.com/webordinary/warmgate/scaler/static"
	"github.com/webordinary/warmgate/session"
)

// scalerPools makes the pools, each with a driver of its own.
func (c *Config) scalerPools(out *outside, records session.Records, logger *slog.Logger) ([]scaler.Pool, error) {
	d := drivers{config: c, out: out, records: records, logger: logger, clients: make(map[ecsEndpoint]*ecs.Client)}
	var list []scaler.Pool
	for _, name := range c.poolNames() {
		driver, err := d.driver(name)
		if err != nil {
			return nil, fmt.Errorf("pools.%s: %w", name, err)
		}
		p := c.scalerPool(name, driver)
		if p.CPUAbove > 0 {
			if p.CPU, err = d.cpu(name); err != nil {
				return nil, fmt.Errorf("pools.%s: %w", name, err)
			}
		}
		list = append(list, p)
	}
	return list, nil
}

// drivers makes the drivers of the pools.
type drivers struct {
	config  *Config
	out     *outside
	records session.Records
	logger  *slog.Logger
	// clients are shared by the pools of one account: so is AWS's rate of launches.
	clients map[ecsEndpoint]*ecs.Client
}

// ecsEndpoint is where a client of ECS calls.
type ecsEndpoint struct{ region, url string }

func (d *drivers) driver(name string) (scaler.Driver, error) {
	p, logger := d.config.Pools[name], d.logger.With("pool", name)
	switch p.Driver {
	case driverStatic:
		return static.New(p.staticOptions())
	case driverECSTask, driverECSService:
		return d.ecs(name, logger)
	}
	stateDir := filepath.Join(filepath.Dir(d.config.Store.Path), "processes", name)
	return process.New(p.processOptions(stateDir, logger))
}

func (d *drivers) ecs(name string, logger *slog.Logger) (scaler.Driver, error) {
	p := d.config.Pools[name]
	client, err := d.client(ecsEndpoint{p.ECS.Region, p.ECS.Endpoint})
	if err != nil {
		return nil, err
	}
	if p.Driver == driverECSTask {
		o := p.taskOptions(name)
		o.Client, o.Logger = client, logger
		return ecs.NewTaskDriver(o)
	}
	o := p.serviceOptions(name)
	o.Client, o.Records, o.Logger = client, d.records, logger
	return ecs.NewServiceDriver(o)
}

// cpu reads the CPU utilisation of the pool's services from CloudWatch.
func (d *drivers) cpu(name string) (scaler.CPUFunc, error) {
	p := d.config.Pools[name]
	client, err := d.config.cloudWatchClient(d.out, cmp.Or(p.ECS.Region, d.config.CloudWatch.Region))
	if err != nil {
		return nil, err
	}
	services := p.serviceOptions(name)
	return func(ctx context.Context, group scaler.TaskSpec) (percent float64, ok bool, err error) {
		return client.CPU(ctx, services.Cluster, services.ServiceName(group))
	}, nil
}

// client returns the client for the endpoint, with the region and the credentials
// of the AWS environment where the configuration has none.
func (d *drivers) client(at ecsEndpoint) (*ecs.Client, error) {
	if c := d.clients[at]; c != nil {
		return c, nil
	}
	cfg, err := d.out.aws(context.Background(), "ecs", at.region)
	if err != nil {
		return nil, err
	}
	if at.url != "" {
		cfg.BaseEndpoint = &at.url
	}
	launches := d.config.Limits.LaunchRate
	if launches == 0 {
		launches = -1
	}
	d.clients[at] = ecs.NewClient(cfg, ecs.ClientOptions{LaunchRate: launches})
	return d.clients[at], nil
}
