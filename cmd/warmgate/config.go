package main

import (
	"net"
	"time"

	"github.com/webordinary/warmgate/proxy"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/dynamo"
)

// envPrefix begins the name of every environment variable of the configuration.
const envPrefix = "WARMGATE_"

// Config is the whole configuration, as the file has it. The tags say the key,
// the environment variable (scalars only) and what the reference prints; values
// of keys tagged secret are never printed, and those tagged reload (or below a
// section that is) take effect at a reload, without a restart.
type Config struct {
	Listen         string   `yaml:"listen" env:"LISTEN" doc:"Address of the public listener. An empty host means all interfaces."`
	PublicURL      string   `yaml:"public_url" env:"PUBLIC_URL" doc:"Base URL at which browsers reach the public listener; preview URLs begin with it. Empty: the TLS listener's port on https://localhost, or else the public one's on http://localhost."`
	TrustedProxies []string `yaml:"trusted_proxies" env:"TRUSTED_PROXIES" reload:"true" doc:"Networks (CIDR) of the load balancers in front, whose X-Forwarded-* headers are believed. As a variable: separated by commas."`

	Health     HealthConfig     `yaml:"health" envPrefix:"HEALTH_" doc:"The health listener has /healthz and /readyz only. Neither depends on the store or on a driver."`
	TLS        TLSConfig        `yaml:"tls" envPrefix:"TLS_" doc:"The TLS listener serves what the public one does, over HTTP/2 and HTTP/1.1. Changed certificate files are read again by themselves."`
	Forwarded  ForwardedConfig  `yaml:"forwarded" envPrefix:"FORWARDED_" reload:"true" doc:"What upstreams are told of the client in X-Forwarded-*. What strangers send of it never reaches them; see trusted_proxies."`
	Admin      AdminConfig      `yaml:"admin" envPrefix:"ADMIN_" doc:"The admin listener has the management API, the status page, /metrics and /debug/pprof. Keep it off the public network."`
	Store      StoreConfig      `yaml:"store" envPrefix:"STORE_" doc:"Where sessions are kept."`
	Sessions   SessionsConfig   `yaml:"sessions" envPrefix:"SESSIONS_" doc:"How long sessions live and stay awake."`
	Cold       ColdConfig       `yaml:"cold" envPrefix:"COLD_" reload:"true" doc:"What happens to requests whose session has no ready target."`
	Sockets    SocketsConfig    `yaml:"sockets" envPrefix:"SOCKETS_" doc:"Websockets of session routes."`
	Limits     LimitsConfig     `yaml:"limits" envPrefix:"LIMITS_" doc:"Bounds for connections and requests of the public listener, for tasks, and for connections to upstreams."`
	Shutdown   ShutdownConfig   `yaml:"shutdown" envPrefix:"SHUTDOWN_" reload:"true" doc:"What happens between the signal to stop and the end of the process."`
	CloudWatch CloudWatchConfig `yaml:"cloudwatch" envPrefix:"CLOUDWATCH_" doc:"Metrics for the dashboards and alarms of AWS, beside those at /metrics."`
	Log        LogConfig        `yaml:"log" envPrefix:"LOG_" doc:"The access log goes to standard output, everything else to standard error."`

	Pools     map[string]*PoolConfig     `yaml:"pools" doc:"Pools of tasks by name. Without any there is a pool \"local\" that runs astro dev in sites/{client}, a dev server for each session."`
	Upstreams map[string]*UpstreamConfig `yaml:"upstreams,omitempty" reload:"true" doc:"Groups of fixed addresses by name, for forward rules: an ALB's target groups. A group that no rule names is not checked."`
	Routes    []RouteConfig              `yaml:"routes" reload:"true" doc:"Rules with the meaning of ALB listener rules: the first in ascending priority whose conditions all hold. A condition holds if one of its values matches. Each rule has exactly one action: session, forward, static, redirect, fixed_response or management. Without any route there is one for /session/*, to the only pool, with allow_guessable."`
}

// HealthConfig is the section health.
type HealthConfig struct {
	Listen string `yaml:"listen" env:"LISTEN" doc:"Address of the health listener; empty for none (the admin listener answers /healthz and /readyz, too)."`
}

// AdminConfig is the section admin.
type AdminConfig struct {
	Listen    string   `yaml:"listen" env:"LISTEN" doc:"Address of the admin listener."`
	TokenFile string   `yaml:"token_file" env:"TOKEN_FILE" doc:"File with the bearer token; made by serve if there is none."`
	Hosts     []string `yaml:"hosts" env:"HOSTS" reload:"true" doc:"Host names by which the management API may be called, besides localhost, loopback addresses and the listener's own host. As a variable: separated by commas."`
}

// StoreConfig is the section store.
type StoreConfig struct {
	Kind         string `yaml:"kind" env:"KIND" doc:"bolt: a file, for one machine. dynamodb: two tables on AWS, for any number of replicas (docs/dynamodb.md)."`
	Path         string `yaml:"path" env:"PATH" doc:"bolt: the file."`
	Table        string `yaml:"table" env:"TABLE" doc:"dynamodb: the table of sessions."`
	ControlTable string `yaml:"control_table" env:"CONTROL_TABLE" doc:"dynamodb: the table of everything else that replicas share."`
	Region       string `yaml:"region" env:"REGION" doc:"dynamodb: the region; empty for the one of the AWS environment."`
	Endpoint     string `yaml:"endpoint" env:"ENDPOINT" doc:"dynamodb: URL of the service, for a stand-in or a VPC endpoint; empty for the region's own."`

	Attributes AttributesConfig `yaml:"attributes" envPrefix:"ATTRIBUTES_" doc:"Names of the attributes in the table of sessions, for one that other programs use, too. The id is in the table's partition key."`
}

// AttributesConfig is the section store.attributes.
type AttributesConfig struct {
	UserID         string `yaml:"user_id" env:"USER_ID" doc:"The user."`
	ClientID       string `yaml:"client_id" env:"CLIENT_ID" doc:"The client."`
	ThreadID       string `yaml:"thread_id" env:"THREAD_ID" doc:"The conversation."`
	Status         string `yaml:"status" env:"STATUS" doc:"The status."`
	TTL            string `yaml:"ttl" env:"TTL" doc:"When the session is over, in epoch seconds."`
	CreatedAt      string `yaml:"created_at" env:"CREATED_AT" doc:"When it was made, in epoch milliseconds."`
	LastActivity   string `yaml:"last_activity" env:"LAST_ACTIVITY" doc:"Its last activity, in epoch milliseconds."`
	LastActivityAt string `yaml:"last_activity_at" env:"LAST_ACTIVITY_AT" doc:"The same once more; written only if an index sorts by it."`
	TaskID         string `yaml:"task_id" env:"TASK_ID" doc:"Its task, for others to see."`
	Address        string `yaml:"address" env:"ADDRESS" doc:"The task's IP address, for others to see."`
	Metadata       string `yaml:"metadata" env:"METADATA" doc:"The caller's own object."`
}

// SessionsConfig is the section sessions.
type SessionsConfig struct {
	TTL           time.Duration `yaml:"ttl" env:"TTL" doc:"Life after the last activity; then the session is over."`
	IdleTimeout   time.Duration `yaml:"idle_timeout" env:"IDLE_TIMEOUT" doc:"Time awake after the last activity; then the session sleeps."`
	TouchInterval time.Duration `yaml:"touch_interval" env:"TOUCH_INTERVAL" doc:"At most one TTL write for a session in this window."`
	PresenceLimit time.Duration `yaml:"presence_limit" env:"PRESENCE_LIMIT" doc:"How long background traffic and open sockets keep a session awake after the last human sign."`
	AwakeLimit    time.Duration `yaml:"awake_limit" env:"AWAKE_LIMIT" doc:"Nothing keeps a session awake longer without a navigation or a management call."`
	OnIdle        string        `yaml:"on_idle" env:"ON_IDLE" doc:"sleep: an idle session can be woken again; end: it is over."`
	Gone          string        `yaml:"gone" env:"GONE" reload:"true" doc:"What a page of an ended session answers: \"404\", or a URL to redirect to."`
}

// RateConfig is a token bucket.
type RateConfig struct {
	PerMinute float64 `yaml:"per_minute" env:"PER_MINUTE" doc:"Rate at which the budget refills."`
	Burst     int     `yaml:"burst" env:"BURST" doc:"Size of the budget."`
}

// ColdConfig is the section cold.
type ColdConfig struct {
	PageGrace        time.Duration `yaml:"page_grace" env:"PAGE_GRACE" doc:"How long a navigation waits before it gets the warming page."`
	HoldTimeout      time.Duration `yaml:"hold_timeout" env:"HOLD_TIMEOUT" doc:"How long any other request is held. Keep it below the timeout of a load balancer in front."`
	HoldsPerSession  int           `yaml:"holds_per_session" env:"HOLDS_PER_SESSION" doc:"Held requests of one session."`
	HoldsPerAddress  int           `yaml:"holds_per_address" env:"HOLDS_PER_ADDRESS" doc:"Held requests of one client address."`
	Holds            int           `yaml:"holds" env:"HOLDS" doc:"Held requests in all."`
	WakesPerSession  RateConfig    `yaml:"wakes_per_session" envPrefix:"WAKES_PER_SESSION_" doc:"Budget of wakes by requests for one session."`
	WakesPerClient   RateConfig    `yaml:"wakes_per_client" envPrefix:"WAKES_PER_CLIENT_" doc:"Budget of wakes by requests for all sessions of one client."`
	WakesPerAddress  RateConfig    `yaml:"wakes_per_address" envPrefix:"WAKES_PER_ADDRESS_" doc:"Budget of wakes by requests of one client address."`
	MissesPerAddress RateConfig    `yaml:"misses_per_address" envPrefix:"MISSES_PER_ADDRESS_" doc:"Budget of look-ups of unknown sessions by one client address."`
}

// SocketsConfig is the section sockets.
type SocketsConfig struct {
	Max              int           `yaml:"max" env:"MAX" doc:"Open sockets in all."`
	PerSession       int           `yaml:"per_session" env:"PER_SESSION" doc:"Open sockets of one session."`
	MaxParked        int           `yaml:"max_parked" env:"MAX_PARKED" doc:"Sockets kept open and silent while their session sleeps."`
	MessageBytes     int64         `yaml:"message_bytes" env:"MESSAGE_BYTES" doc:"Size of one message; 0 for no limit (messages are streamed)."`
	PingInterval     time.Duration `yaml:"ping_interval" env:"PING_INTERVAL" doc:"Time between pings on both legs; a leg that does not answer two of them is closed."`
	HandshakeTimeout time.Duration `yaml:"handshake_timeout" env:"HANDSHAKE_TIMEOUT" doc:"How long the upstream may take for its side of the upgrade."`
	Origins          []string      `yaml:"origins" env:"ORIGINS" reload:"true" doc:"Origins (scheme://host) that may open sockets, besides the request's own host. As a variable: separated by commas."`
}

// LimitsConfig is the section limits.
type LimitsConfig struct {
	HeaderBytes       int           `yaml:"header_bytes" env:"HEADER_BYTES" doc:"Size of a request's header."`
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout" env:"READ_HEADER_TIMEOUT" doc:"How long a client may take to send a request's header."`
	BodyIdleTimeout   time.Duration `yaml:"body_idle_timeout" env:"BODY_IDLE_TIMEOUT" doc:"How long a client may pause while it sends a request's body; 408 beyond. 0 for no bound."`
	IdleTimeout       time.Duration `yaml:"idle_timeout" env:"IDLE_TIMEOUT" doc:"How long a client's idle connection stays open. Longer than the idle timeout of a load balancer in front."`
	Tasks             int           `yaml:"tasks" env:"TASKS" doc:"Tasks of all pools together."`
	LaunchRate        float64       `yaml:"launch_rate" env:"LAUNCH_RATE" doc:"Starts of tasks a second, of all pools together; others wait their turn, in the order in which they were asked for. AWS allows an account 20 a second, which replicas share. 0 for no bound."`
	DialTimeout       time.Duration `yaml:"dial_timeout" env:"DIAL_TIMEOUT" doc:"How long connecting to an upstream may take."`
	ResponseTimeout   time.Duration `yaml:"response_timeout" env:"RESPONSE_TIMEOUT" doc:"How long an upstream may take to begin its answer; 504 beyond."`
}

// ShutdownConfig is the section shutdown.
type ShutdownConfig struct {
	Delay time.Duration `yaml:"delay" env:"DELAY" doc:"How long to go on serving, with /readyz at 503, so that a load balancer in front can look elsewhere."`
	Drain time.Duration `yaml:"drain" env:"DRAIN" doc:"How long requests and sockets may take to end after that."`
}

// LogConfig is the section log.
type LogConfig struct {
	Level  string `yaml:"level" env:"LEVEL" reload:"true" doc:"debug, info, warn or error."`
	Format string `yaml:"format" env:"FORMAT" doc:"text or json."`
	Access string `yaml:"access" env:"ACCESS" doc:"Format of the access log, one line for each request: json, alb (the load balancer's own), or off."`
}

// clocks returns the section sessions as the domain has it.
func (c *Config) clocks() session.Clocks {
	s := c.Sessions
	return session.Clocks{
		TTL: s.TTL, IdleTimeout: s.IdleTimeout, TouchInterval: s.TouchInterval,
		PresenceLimit: s.PresenceLimit, AwakeLimit: s.AwakeLimit, EndOnIdle: s.OnIdle == onIdleEnd,
		Skew:  c.clockSkew(),
		Pools: c.idleTimeouts(),
	}
}

// DefaultConfig returns what an empty file means.
func DefaultConfig() *Config {
	return &Config{
		Listen:    net.JoinHostPort("127.0.0.1", "8080"),
		Health:    HealthConfig{Listen: net.JoinHostPort("127.0.0.1", "8081")},
		Admin:     AdminConfig{Listen: net.JoinHostPort("127.0.0.1", "9090"), TokenFile: ".warmgate/token"},
		TLS:       TLSConfig{MinVersion: tls12, Streams: 128, Redirect: HTTPSRedirectConfig{Port: 443}},
		Forwarded: ForwardedConfig{Mode: string(proxy.ForwardedAppend), MaxAddresses: 30},
		Store: StoreConfig{
			Kind: storeBolt, Path: ".warmgate/sessions.db",
			Table: "warmgate-sessions", ControlTable: "warmgate",
			Attributes: AttributesConfig(dynamo.Attributes{}.WithDefaults()),
		},
		Sessions: SessionsConfig{
			TTL: 30 * time.Minute, IdleTimeout: 5 * time.Minute, TouchInterval: 30 * time.Second,
			PresenceLimit: 15 * time.Minute, AwakeLimit: 12 * time.Hour, OnIdle: onIdleSleep, Gone: goneNotFound,
		},
		Cold: ColdConfig{
			PageGrace: 750 * time.Millisecond, HoldTimeout: 50 * time.Second,
			HoldsPerSession: 256, HoldsPerAddress: 128, Holds: 4096,
			WakesPerSession: RateConfig{6, 6}, WakesPerClient: RateConfig{60, 30},
			WakesPerAddress: RateConfig{30, 20}, MissesPerAddress: RateConfig{60, 60},
		},
		Sockets: SocketsConfig{
			Max: 10_000, PerSession: 100, MaxParked: 5_000,
			PingInterval: 25 * time.Second, HandshakeTimeout: 10 * time.Second,
		},
		Limits: LimitsConfig{
			HeaderBytes: 32 << 10, ReadHeaderTimeout: 5 * time.Second, BodyIdleTimeout: 60 * time.Second, IdleTimeout: 75 * time.Second,
			Tasks: 50, LaunchRate: 10, DialTimeout: 10 * time.Second, ResponseTimeout: 60 * time.Second,
		},
		Shutdown:   ShutdownConfig{Drain: 60 * time.Second},
		CloudWatch: defaultCloudWatch(),
		Log:        LogConfig{Level: "info", Format: logText, Access: accessJSON},
	}
}

// The words of keys that know only some.
const (
	storeBolt     = "bolt"
	storeDynamoDB = "dynamodb"

	onIdleSleep = "sleep"
	onIdleEnd   = "end"

	goneNotFound = "404"

	logText    = "text"
	logJSON    = "json"
	accessJSON = "json"
	accessALB  = "alb"
	accessOff  = "off"
)
