package main

import (
	"errors"
	"log/slog"
	"slices"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/process"
	"github.com/webordinary/warmgate/scaler/static"
	"github.com/webordinary/warmgate/session"
)

// checkPools checks each pool by itself.
func (c *Config) checkPools(m *mistakes) {
	for _, name := range c.poolNames() {
		p, path := c.Pools[name], "pools."+name
		if !entryName.MatchString(name) {
			m.add(path, "a pool's name consists of letters, digits, - and _")
		}
		p.check(path, m)
		switch p.Driver {
		case driverProcess:
			p.checkProcess(path, m)
		case driverStatic:
			p.checkStatic(path, m)
		case driverECSService, driverECSTask:
			p.checkECS(name, path, m)
		default:
			m.oneOf(path+".driver", p.Driver, driverProcess, driverStatic, driverECSTask, driverECSService)
		}
		p.checkSections(path, m)
		p.checkPorts(path, m)
		if p.IdleTimeout != 0 && len(c.forwardsTo(name)) == 0 {
			m.add(path+".idle_timeout", "is for pools that forward rules use; sessions sleep by sessions.idle_timeout")
		}
		for _, err := range joined(c.scalerPool(name, nil).Validate()) {
			// The missing driver is on purpose; check has told of negative limits.
			invalid, ok := errors.AsType[*session.InvalidError](err)
			if ok && invalid.Field != "driver" && invalid.Field != "pool" {
				m.add(path+"."+invalid.Field, "%s", invalid.Reason)
			}
		}
	}
}

// checkSections: no settings of another driver.
func (p *PoolConfig) checkSections(path string, m *mistakes) {
	for _, s := range []struct {
		name    string
		is, has bool
	}{
		{driverProcess, p.Driver == driverProcess, p.Process != nil},
		{driverStatic, p.Driver == driverStatic, p.Static != nil},
		{"ecs", p.usesECS(), p.ECS != nil},
	} {
		if s.has && !s.is {
			m.add(path+"."+s.name, "belongs to the driver %s; this pool's is %s", s.name, p.Driver)
		}
	}
}

// check checks what a driver and the scaler do not.
func (p *PoolConfig) check(path string, m *mistakes) {
	checkPort(path+".port", p.Port, m)
	for sessions, tasks := range p.Steps {
		if tasks > p.MaxTasks {
			m.add(path+".steps", "%d: %d is more than max_tasks (%d)", sessions, tasks, p.MaxTasks)
		}
	}
	if p.CPUAbove != 0 && p.Driver != driverECSService {
		m.add(path+".cpu_above", "is for the driver ecs-service: CloudWatch knows the CPU utilisation of services only")
	}
	for _, limit := range []struct {
		key      string
		negative bool
	}{
		{"cooldown", p.Cooldown < 0},
		{"max_tasks", p.MaxTasks < 0},
		{"start_timeout", p.StartTimeout < 0},
		{"idle_timeout", p.IdleTimeout < 0},
	} {
		if limit.negative {
			m.add(path+"."+limit.key, "is negative")
		}
	}
}

func checkPort(path string, port int, m *mistakes) {
	if port < 1 || port > 65535 {
		m.add(path, "%d is no port", port)
	}
}

// checkProcess: what the driver says, and: a task is shared by the sessions of
// one key, so a template that tells them apart needs a key that does so, too.
func (p *PoolConfig) checkProcess(path string, m *mistakes) {
	_, err := process.New(p.processOptions("unused", slog.New(slog.DiscardHandler)))
	m.addInvalid(path+".process.", err)
	if p.Process.Dir == "" {
		m.add(path+".process.dir", `is empty; "." is the folder of the configuration file`)
	}
	p.checkKeyed(path+".process.dir", p.Process.Dir, m)
	p.checkKeyed(path+".process.log_file", p.Process.LogFile, m)
	for _, arg := range p.Process.Command {
		p.checkKeyed(path+".process.command", arg, m)
	}
	for name, value := range p.Process.Env {
		p.checkKeyed(path+".process.env."+name, value, m)
	}
}

// checkKeyed checks that the pool's key determines the template's {client} and
// {session}. A session has one client, so {session} determines both.
func (p *PoolConfig) checkKeyed(path, template string, m *mistakes) {
	keyed, _ := templateNames(p.Key)
	names, _ := templateNames(template) // the driver tells of wrong ones
	for _, name := range names {
		if (name == "client" || name == "session") && !slices.Contains(keyed, name) && !slices.Contains(keyed, "session") {
			m.add(path, "{%s} is not one and the same for all sessions of the pool's key (%s)", name, p.Key)
		}
	}
}

func (p *PoolConfig) checkStatic(path string, m *mistakes) {
	_, err := static.New(p.staticOptions())
	m.addInvalid(path+".static.", err)
}

// templateNames returns the names in braces.
func templateNames(template string) ([]string, error) {
	var names []string
	_, err := scaler.Expand(template, func(name string) (string, bool) {
		names = append(names, name)
		return "", true
	})
	return names, err
}
