package main

import (
	"cmp"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/webordinary/warmgate/proxy"
	"github.com/webordinary/warmgate/proxy/accesslog"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/process"
	"github.com/webordinary/warmgate/scaler/static"
	"github.com/webordinary/warmgate/session"
)

// scalerPool returns the pool called name as the scaler has it.
func (c *Config) scalerPool(name string, driver scaler.Driver) scaler.Pool {
	p := c.Pools[name]
	base, host := c.poolSite(name)
	return scaler.Pool{
		Name: name, Key: p.Key, Driver: driver, Base: base, Steps: p.Steps, Warm: p.warm(), Cooldown: p.Cooldown,
		CPUAbove: p.CPUAbove, PerClient: p.PerClient.limits(), Clients: p.clients(), Maximum: p.MaxTasks, StartTimeout: p.StartTimeout,
		Probe: scaler.Probe{Path: p.Probe.Path, Host: host},
	}
}

// warm returns the key warm as the scaler has it.
func (p *PoolConfig) warm() []scaler.Warm {
	var list []scaler.Warm
	for _, w := range p.Warm {
		list = append(list, scaler.Warm(w))
	}
	return list
}

// clients returns the key clients as the scaler has it.
func (p *PoolConfig) clients() map[session.ClientID]scaler.Limits {
	clients := make(map[session.ClientID]scaler.Limits)
	for id, c := range p.Clients {
		clients[session.ClientID(id)] = c.limits()
	}
	return clients
}

func (c ClientConfig) limits() scaler.Limits {
	return scaler.Limits{Tasks: c.MaxTasks, Sessions: c.MaxSessions}
}

// poolSite returns below which path the pool's tasks serve their sites, "" for
// the root, and which Host they are asked for, "" for their own address: as the
// first route does that leads to them.
func (c *Config) poolSite(name string) (base, host string) {
	for _, r := range c.sessionRoutes() {
		s := r.Session
		if s.Pool != name {
			continue
		}
		if s.Prefix == string(route.PrefixKeep) && s.Template == "" && len(r.Path) > 0 {
			before, _, _ := strings.Cut(r.Path[0], "*")
			base = before + "{session}/"
		}
		if u, err := url.Parse(c.PublicURL); err == nil && s.Host == string(route.HostPreserve) {
			host = u.Host
		}
		return base, host
	}
	if forwards := c.forwardsTo(name); len(forwards) > 0 && forwards[0].Host != string(route.HostUpstream) {
		if u, err := url.Parse(c.PublicURL); err == nil {
			host = u.Host
		}
	}
	return "", host
}

// sessionRoutes returns the rules for sessions in the order in which they are
// tried.
func (c *Config) sessionRoutes() []*RouteConfig {
	var list []*RouteConfig
	for i := range c.Routes {
		if c.Routes[i].Session != nil {
			list = append(list, &c.Routes[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *RouteConfig) int {
		if a.Default != b.Default {
			return map[bool]int{false: -1, true: 1}[a.Default]
		}
		return cmp.Compare(a.Priority, b.Priority)
	})
	return list
}

// defaultPool is the pool of sessions that name none: that of the first route
// for sessions.
func (c *Config) defaultPool() string {
	for _, r := range c.sessionRoutes() {
		return r.Session.Pool
	}
	return c.poolNames()[0]
}

// table returns the rules. A rule that names its pool's main port means the
// tasks' own.
func (c *Config) table() (*route.Table, error) {
	rules := make([]route.Rule, 0, len(c.Routes))
	for i := range c.Routes {
		rule, err := c.Routes[i].rule()
		if err != nil {
			return nil, err
		}
		if f, ok := rule.Action.(*route.Forward); ok {
			c.bind(f)
		}
		if s, ok := rule.Action.(*route.Session); ok && c.Pools[s.Pool] != nil {
			c.Pools[s.Pool].resolvePorts(s)
		}
		rules = append(rules, rule)
	}
	return route.NewTable(rules)
}

// trustedProxies returns the networks of the load balancers in front.
func (c *Config) trustedProxies() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range c.TrustedProxies {
		list = append(list, netip.MustParsePrefix(text)) // Validate has parsed it
	}
	return list
}

// adminHosts are the names by which the management API may be called on the
// admin listener.
func (c *Config) adminHosts() []string {
	hosts := slices.Clone(c.Admin.Hosts)
	if host, _, err := net.SplitHostPort(c.Admin.Listen); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	return hosts
}

// publicHosts are those on the public listener.
func (c *Config) publicHosts() []string {
	hosts := slices.Clone(c.Admin.Hosts)
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		hosts = append(hosts, u.Hostname())
	}
	return hosts
}

// goneURL is where navigations to sessions that are over are sent; "" for a 404.
func (c *Config) goneURL() string {
	if c.Sessions.Gone == goneNotFound {
		return ""
	}
	return c.Sessions.Gone
}

// proxySettings returns what of the data plane can change while it serves.
func (c *Config) proxySettings() proxy.Settings {
	return proxy.Settings{
		TrustedProxies: c.trustedProxies(), Gone: c.goneURL(), HTTPS: c.TLS.https(),
		Forwarded: proxy.Forwarded{
			Mode: proxy.ForwardedMode(c.Forwarded.Mode), ClientPort: c.Forwarded.ClientPort, MaxAddresses: c.Forwarded.MaxAddresses,
		},
		Holds: c.holdOptions(), Budgets: c.budgetOptions(),
	}
}

// logLevel is where the log begins.
func (c *Config) logLevel() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Log.Level)) // Validate knows the words
	return level
}

func (c *Config) accessFormat() accesslog.Format {
	if c.Log.Access == accessALB {
		return accesslog.ALB
	}
	return accesslog.JSON
}

func (c *Config) holdOptions() proxy.HoldOptions {
	return proxy.HoldOptions{
		PageGrace: c.Cold.PageGrace, Timeout: c.Cold.HoldTimeout,
		PerSession: c.Cold.HoldsPerSession, PerAddress: c.Cold.HoldsPerAddress, Total: c.Cold.Holds,
	}
}

func (c *Config) budgetOptions() proxy.BudgetOptions {
	return proxy.BudgetOptions{
		WakesPerSession: proxy.Rate(c.Cold.WakesPerSession), WakesPerClient: proxy.Rate(c.Cold.WakesPerClient),
		WakesPerAddress: proxy.Rate(c.Cold.WakesPerAddress), MissesPerAddress: proxy.Rate(c.Cold.MissesPerAddress),
	}
}

// longestStop is how long a task may take to stop.
func (c *Config) longestStop() time.Duration {
	var longest time.Duration
	for _, p := range c.Pools {
		if p.Process != nil {
			longest = max(longest, p.Process.StopTimeout)
		}
	}
	return longest
}

// processOptions returns the section process as its driver has it.
func (p *PoolConfig) processOptions(stateDir string, logger *slog.Logger) process.Options {
	return process.Options{
		Command: p.Process.Command, Dir: p.Process.Dir, Env: p.Process.Env, LogFile: p.Process.LogFile,
		StateDir: stateDir, StopTimeout: p.Process.StopTimeout, Logger: logger,
	}
}

// staticOptions returns the section static as its driver has it.
func (p *PoolConfig) staticOptions() static.Options {
	var o static.Options
	if p.Static == nil {
		return o
	}
	for _, address := range p.Static.Addresses {
		a := static.Address{Addr: address}
		if host, _, err := net.SplitHostPort(address); err == nil && len(p.Ports) > 0 {
			a.Ports = map[int]string{}
			for _, port := range p.Ports.numbers() {
				a.Ports[port] = net.JoinHostPort(host, strconv.Itoa(port))
			}
		}
		o.Addresses = append(o.Addresses, a)
	}
	return o
}
