package main

import "time"

// PoolConfig is an entry of pools.
type PoolConfig struct {
	Key          string                  `yaml:"key" doc:"Template that tells which sessions share tasks: plain text for one pool, {client} for a pool for each client, {session} for a task for each session. Empty: the pool's name."`
	Driver       string                  `yaml:"driver" doc:"What starts and stops tasks: process (child processes on this machine), static (fixed addresses), ecs-task (a Fargate task each, docs/ecs.md) or ecs-service (the desired count of ECS services that exist)."`
	Port         int                     `yaml:"port" doc:"Number by which routes may name the tasks' main port."`
	Ports        PortsConfig             `yaml:"ports" doc:"The tasks' further ports: a list of numbers, which rules may name; or the numbers by paths below the session's prefix, which lead there where the rule names no port, for example { /api/*: 8080 }; the longest pattern that fits counts. A process gets a free port for each that its command or env holds as {port:NUMBER}; a static or an ECS task has them on its own host."`
	Steps        map[int]int             `yaml:"steps" doc:"Number of tasks by number of awake sessions, for example { 1: 1, 3: 3 }, where the key lets sessions share tasks. Empty: one task from the first session on."`
	Cooldown     time.Duration           `yaml:"cooldown" doc:"How long there must be too many tasks before one is stopped, where sessions share tasks."`
	CPUAbove     float64                 `yaml:"cpu_above" doc:"ecs-service: average CPU utilisation of the tasks, in percent, above which there is one task more, read from CloudWatch once a minute while sessions are awake (a call to pay for) and acted on no more often than cooldown. The tasks stay while the others would be as busy. 0: only sessions count."`
	Warm         []WarmConfig            `yaml:"warm" doc:"Hours in which there are tasks before anybody comes, where the key lets sessions share tasks. Where entries overlap the most tasks count. After the hours tasks go by steps and cooldown. With {client} in the key this is for each client under clients from the beginning of the hours, and for any other from its first session in them."`
	IdleTimeout  time.Duration           `yaml:"idle_timeout,omitempty" doc:"Of a pool that forward rules use: after this time without a request it sleeps, and its task is stopped (after cooldown). Absent: once started it stays up; a task that is lost is replaced, and none is stopped for being one too many, whatever steps, warm and cpu_above say: it may have work that Warmgate does not see. (Sessions sleep by sessions.idle_timeout.)"`
	MaxTasks     int                     `yaml:"max_tasks" doc:"Hard ceiling of the pool's tasks. Those of other replicas count as soon as the driver lists them."`
	StartTimeout time.Duration           `yaml:"start_timeout" doc:"How long a task may take to become ready."`
	PerClient    ClientConfig            `yaml:"per_client" doc:"What each client may have of the pool. Beyond it a wake is refused, and says why; other clients are not affected."`
	Clients      map[string]ClientConfig `yaml:"clients" doc:"What the clients named have instead of per_client, for example { acme: { max_tasks: 3 } }, with the same keys; one that is left out or 0 is that of per_client. They are known to warm before they come."`

	Probe ProbeConfig `yaml:"probe" doc:"How readiness is found out: by an HTTP answer of the site itself."`

	Process *ProcessConfig    `yaml:"process,omitempty" doc:"Settings of the driver process. In dir, command, env and log_file stand {client}, {session} and {task} for their values; in command and env also {port}, {port:8080} (the free port for the pool's port 8080), {port:NAME} (one more free port) and {base} (the path below which the site is served)."`
	Static  *StaticPoolConfig `yaml:"static,omitempty" doc:"Settings of the driver static."`
	ECS     *ECSConfig        `yaml:"ecs,omitempty" doc:"Settings of the drivers ecs-task and ecs-service."`
}

// WarmConfig is an entry of warm of a pool.
type WarmConfig struct {
	Days     string `yaml:"days" doc:"Days of the week, for example mon-fri or sat,sun. Empty: all of them."`
	Hours    string `yaml:"hours" doc:"From and to, for example 9-17, 8:30-12, or 22-6, which ends on the next day. Empty: 0-24. An hour that the clocks skip is left out, one that they show twice counts twice."`
	TimeZone string `yaml:"time_zone" doc:"Name of the IANA database, for example America/Los_Angeles. Empty: UTC."`
	Tasks    int    `yaml:"tasks" doc:"How many tasks there are at least."`
}

// ClientConfig is the section per_client of a pool, and an entry of clients.
type ClientConfig struct {
	MaxTasks    int `yaml:"max_tasks" doc:"Ceiling of a client's tasks, with {client} or {session} in the key; 0 for none."`
	MaxSessions int `yaml:"max_sessions" doc:"Ceiling of a client's awake sessions; 0 for none."`
}

// ProbeConfig is the section probe of a pool.
type ProbeConfig struct {
	Path string `yaml:"path" doc:"Path that is asked for; a template with {base} (the path below which the site is served), {session} and {client}."`
}

// ProcessConfig is the section process of a pool.
type ProcessConfig struct {
	Dir         string            `yaml:"dir" doc:"Working folder of the command, relative to the configuration file's. It comes from this template, never from a request."`
	Command     []string          `yaml:"command" doc:"The command and its arguments; no shell. It or env must contain {port}."`
	Env         map[string]string `yaml:"env" secret:"true" doc:"Environment variables besides Warmgate's own, of which those that begin with WARMGATE_ are left out."`
	LogFile     string            `yaml:"log_file" doc:"File for what the command prints, anew with each start. Empty: only the last lines are kept, in memory."`
	StopTimeout time.Duration     `yaml:"stop_timeout" doc:"Time between SIGTERM and SIGKILL."`
}

// StaticPoolConfig is the section static of a pool.
type StaticPoolConfig struct {
	Addresses []string `yaml:"addresses" doc:"host:port of each task."`
}

// The drivers that a pool may name.
const (
	driverProcess    = "process"
	driverStatic     = "static"
	driverECSService = "ecs-service"
	driverECSTask    = "ecs-task"
)

const localPool = "local"

// astroDev runs the dev server of the site in its folder, without npm or npx
// between: a signal reaches it, and it says its own last words.
func astroDev() []string {
	return []string{"node_modules/.bin/astro", "dev", "--host", "127.0.0.1", "--port", "{port}"}
}

// defaultPools and defaultRoutes are what a configuration without pools or
// without routes has: an Astro site for each client.
func defaultPools() map[string]*PoolConfig {
	return map[string]*PoolConfig{localPool: {
		Key: "{session}", Driver: driverProcess,
		Process: &ProcessConfig{Dir: "sites/{client}", Command: astroDev()},
	}}
}

func defaultRoutes() []RouteConfig {
	return []RouteConfig{{Priority: 10, Path: []string{"/session/*"}, Session: &SessionAction{AllowGuessable: true}}}
}

// fillDefaults replaces zero values of the pool called name.
func (p *PoolConfig) fillDefaults(name string) {
	if p.Key == "" {
		p.Key = name
	}
	setDefault(&p.Driver, driverProcess)
	setDefault(&p.Port, 4321)
	if len(p.Steps) == 0 {
		p.Steps = nil // {} in the file is as good as none
	}
	setDefault(&p.Cooldown, 60*time.Second)
	setDefault(&p.MaxTasks, 20)
	setDefault(&p.StartTimeout, 120*time.Second)
	setDefault(&p.Probe.Path, "{base}")
	if p.usesECS() && p.ECS == nil {
		p.ECS = &ECSConfig{}
	}
	if p.Driver == driverProcess {
		if p.Process == nil {
			p.Process = &ProcessConfig{}
		}
		if len(p.Process.Command) == 0 {
			p.Process.Command = astroDev()
		}
		setDefault(&p.Process.StopTimeout, 10*time.Second)
	}
}

// usesECS reports whether the pool's tasks run on ECS.
func (p *PoolConfig) usesECS() bool { return p.Driver == driverECSTask || p.Driver == driverECSService }

func setDefault[T comparable](v *T, or T) {
	var zero T
	if *v == zero {
		*v = or
	}
}
