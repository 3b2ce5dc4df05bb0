package main

import (
	"slices"
	"time"

	"github.com/webordinary/warmgate/scaler/ecs"
)

// ECSConfig is the section ecs of a pool, for the drivers ecs-task and
// ecs-service.
type ECSConfig struct {
	Cluster  string `yaml:"cluster,omitempty" doc:"Name or ARN of the cluster."`
	Region   string `yaml:"region,omitempty" doc:"AWS region. Empty: that of the environment (AWS_REGION)."`
	Endpoint string `yaml:"endpoint,omitempty" doc:"URL of ECS and Application Auto Scaling, for a stand-in or a VPC endpoint. Empty: that of AWS."`

	Service    string        `yaml:"service,omitempty" doc:"ecs-service: name of the service, which has to exist; a template, in which every variable of the pool's key occurs."`
	TakeOver   bool          `yaml:"take_over,omitempty" doc:"ecs-service: set the desired count although a scaling policy on the service does so, too. Without, such a service is only observed."`
	ProtectFor time.Duration `yaml:"protect_for,omitempty" doc:"ecs-service: how long a task in use is protected from scale-in at a time (30m); renewed after half of it."`

	TaskDefinition string            `yaml:"task_definition,omitempty" doc:"ecs-task: family, family:revision or ARN."`
	Subnets        []string          `yaml:"subnets,omitempty" doc:"ecs-task: subnets of the tasks."`
	SecurityGroups []string          `yaml:"security_groups,omitempty" doc:"ecs-task: security groups of the tasks."`
	PublicIP       bool              `yaml:"public_ip,omitempty" doc:"ecs-task: give tasks a public address, which they need to fetch an image from a public subnet."`
	Capacity       string            `yaml:"capacity,omitempty" doc:"ecs-task: spot-first (on-demand where Spot has no room; the default), spot or on-demand. Spot needs the capacity provider FARGATE_SPOT in the cluster."`
	SpotTimeout    time.Duration     `yaml:"spot_timeout,omitempty" doc:"ecs-task: how long a Spot task may wait for its place before an on-demand one takes over (30s)."`
	Container      string            `yaml:"container,omitempty" doc:"ecs-task: the container that command and env are for."`
	Command        []string          `yaml:"command,omitempty" doc:"ecs-task: replaces the container's command; templates with {session}, {client}, {key} and {base}."`
	Env            map[string]string `yaml:"env,omitempty" secret:"true" doc:"ecs-task: added to the container's environment; templates as in command."`
	Tags           map[string]string `yaml:"tags,omitempty" doc:"ecs-task: tags of the tasks, besides Warmgate's own."`
	StartedBy      string            `yaml:"started_by,omitempty" doc:"ecs-task: marks the tasks as this pool's. Two installations that share a cluster need different ones. Empty: warmgate/ and the pool's name."`
}

// taskOptions returns the section as the driver ecs-task has it.
func (p *PoolConfig) taskOptions(name string) ecs.TaskOptions {
	e := p.ECS
	return ecs.TaskOptions{
		Pool: name, StartedBy: e.StartedBy, Cluster: e.Cluster, TaskDefinition: e.TaskDefinition,
		Subnets: e.Subnets, SecurityGroups: e.SecurityGroups, PublicIP: e.PublicIP,
		Capacity: ecs.Capacity(e.Capacity), SpotTimeout: e.SpotTimeout,
		Container: e.Container, Command: e.Command, Env: e.Env, Tags: e.Tags, Port: p.Port, Ports: p.Ports.numbers(),
	}
}

// serviceOptions returns the section as the driver ecs-service has it.
func (p *PoolConfig) serviceOptions(name string) ecs.ServiceOptions {
	e := p.ECS
	return ecs.ServiceOptions{
		Pool: name, Key: p.Key, Cluster: e.Cluster, Service: e.Service, TakeOver: e.TakeOver, ProtectFor: e.ProtectFor,
		Port: p.Port, Ports: p.Ports.numbers(),
	}
}

// checkECS: what the driver says, what is the other driver's, and that the
// templates know what the key knows.
func (p *PoolConfig) checkECS(name, path string, m *mistakes) {
	path += ".ecs"
	e := p.ECS
	var others []string
	if p.Driver == driverECSTask {
		m.addInvalid(path+".", p.taskOptions(name).Validate())
		others = []string{"service", "take_over", "protect_for"}
	} else {
		m.addInvalid(path+".", p.serviceOptions(name).Validate())
		others = []string{
			"task_definition", "subnets", "security_groups", "public_ip", "capacity", "spot_timeout", "container",
			"command", "env", "tags", "started_by",
		}
	}
	for _, k := range configKeys(&Config{}, p, &RouteConfig{}) {
		if k.parent() == "pools.NAME.ecs" && slices.Contains(others, k.name()) && !k.Value.IsZero() {
			m.add(path+"."+k.name(), "is not for the driver %s", p.Driver)
		}
	}
	p.checkKeyed(path+".service", e.Service, m)
	for _, arg := range e.Command {
		p.checkKeyed(path+".command", arg, m)
	}
	for name, value := range e.Env {
		p.checkKeyed(path+".env."+name, value, m)
	}
}
