package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
)

// UpstreamConfig is an entry of upstreams.
type UpstreamConfig struct {
	URLs         []string           `yaml:"urls" doc:"Base URLs of the targets, without a path."`
	Algorithm    string             `yaml:"algorithm" doc:"Which target a request goes to: round_robin (in turn) or least_outstanding (the one with the fewest requests under way)."`
	HealthCheck  *HealthCheckConfig `yaml:"health_check,omitempty" doc:"How targets are asked whether they work, with the fields of an ALB's. Absent: they are not asked, and one that cannot be reached is left out for 5 s. If no target is healthy, requests go to all of them."`
	DrainTimeout time.Duration      `yaml:"drain_timeout" doc:"How long requests under way may go on when a reload has taken their target out; then they are cut off. An ALB's deregistration delay."`
}

// HealthCheckConfig is the section health_check of an upstream.
type HealthCheckConfig struct {
	Path               string        `yaml:"path" doc:"Path that is asked for with GET."`
	Port               int           `yaml:"port" doc:"Port that is asked; 0 is the target's own."`
	Interval           time.Duration `yaml:"interval" doc:"Time between two checks. A target that has never been healthy is checked every 0.5 s for its first 2 minutes."`
	Timeout            time.Duration `yaml:"timeout" doc:"How long a check may take."`
	HealthyThreshold   int           `yaml:"healthy_threshold" doc:"Checks in a row that make an unhealthy target healthy; for a new target one is enough."`
	UnhealthyThreshold int           `yaml:"unhealthy_threshold" doc:"Failed checks in a row that make a target unhealthy."`
	Matcher            string        `yaml:"matcher" doc:"Statuses that pass: values and ranges such as 200,202 or 200-299."`
}

// ForwardAction is the action forward.
type ForwardAction struct {
	URLs     []string          `yaml:"urls,omitempty" doc:"Base URLs without a path, used in turn: short for an upstream with nothing else."`
	Upstream string            `yaml:"upstream,omitempty" doc:"Name of an upstream."`
	Pool     string            `yaml:"pool,omitempty" doc:"Name of a pool; its task is started when it is asked for."`
	Port     int               `yaml:"port,omitempty" doc:"With pool: port on the task, one of the pool's; 0 is its main port."`
	Weighted []WeightedForward `yaml:"weighted,omitempty" doc:"Several upstreams and pools that share the requests."`
	Host     string            `yaml:"host,omitempty" doc:"Host header that the upstream gets: preserve (the client's) or upstream (its own address). Empty: preserve."`
}

// WeightedForward is an entry of weighted.
type WeightedForward struct {
	Upstream string `yaml:"upstream,omitempty" doc:"Name of an upstream."`
	Pool     string `yaml:"pool,omitempty" doc:"Name of a pool; instead of upstream."`
	Port     int    `yaml:"port,omitempty" doc:"With pool: port on the task."`
	Weight   *int   `yaml:"weight,omitempty" doc:"Share of the requests, relative to the others: 0 to 999. Absent: 1. If all are 0, requests get a 503."`
}

func defaultUpstream() *UpstreamConfig {
	u := &UpstreamConfig{HealthCheck: &HealthCheckConfig{}}
	u.fillDefaults()
	return u
}

// fillDefaults replaces zero values by those of package route.
func (u *UpstreamConfig) fillDefaults() {
	d := u.upstream("").WithDefaults()
	u.Algorithm, u.DrainTimeout = string(d.Algorithm), d.DrainTimeout
	if d.HealthCheck != nil {
		*u.HealthCheck = HealthCheckConfig(*d.HealthCheck)
	}
}

// upstream returns u as the rules have it.
func (u *UpstreamConfig) upstream(name string) *route.Upstream {
	list := &route.Upstream{
		Name: name, URLs: u.URLs, Algorithm: route.Algorithm(u.Algorithm), DrainTimeout: u.DrainTimeout,
	}
	if u.HealthCheck != nil {
		h := route.HealthCheck(*u.HealthCheck)
		list.HealthCheck = &h
	}
	return list
}

// action returns the action with upstreams that have but their names; see bind.
func (f *ForwardAction) action() route.Action {
	a := &route.Forward{Host: route.HostMode(f.Host)}
	add := func(g route.ForwardGroup) { a.Groups = append(a.Groups, g) }
	if len(f.URLs) > 0 {
		add(route.ForwardGroup{Upstream: &route.Upstream{URLs: f.URLs}, Weight: 1})
	}
	if f.Upstream != "" || f.Pool != "" {
		add((&WeightedForward{Upstream: f.Upstream, Pool: f.Pool, Port: f.Port}).group())
	}
	for i := range f.Weighted {
		add(f.Weighted[i].group())
	}
	return a
}

func (w *WeightedForward) group() route.ForwardGroup {
	g := route.ForwardGroup{Pool: w.Pool, Port: w.Port, Weight: 1}
	if w.Upstream != "" {
		g.Upstream = &route.Upstream{Name: w.Upstream}
	}
	if w.Weight != nil {
		g.Weight = *w.Weight
	}
	return g
}

// bind puts the named upstreams into the action. A port that is its pool's main
// port means the task's own.
func (c *Config) bind(f *route.Forward) {
	for i := range f.Groups {
		g := &f.Groups[i]
		if g.Upstream != nil && c.Upstreams[g.Upstream.Name] != nil {
			g.Upstream = c.Upstreams[g.Upstream.Name].upstream(g.Upstream.Name)
		}
		if p := c.Pools[g.Pool]; p != nil && g.Port == p.Port {
			g.Port = 0
		}
	}
}

// forwardsTo returns the forward actions that use the pool.
func (c *Config) forwardsTo(pool string) []*ForwardAction {
	var list []*ForwardAction
	for i := range c.Routes {
		f := c.Routes[i].Forward
		if f != nil && (f.Pool == pool || slices.ContainsFunc(f.Weighted, func(w WeightedForward) bool { return w.Pool == pool })) {
			list = append(list, f)
		}
	}
	return list
}

// forwardPools returns the pools that forward rules use, in order.
func (c *Config) forwardPools() []string {
	return slices.DeleteFunc(c.poolNames(), func(name string) bool { return len(c.forwardsTo(name)) == 0 })
}

// staysUp reports whether forward rules use the pool and nothing says when it may
// sleep: its tasks may have work that Warmgate does not see.
func (c *Config) staysUp(pool string) bool {
	p := c.Pools[pool]
	return p != nil && p.IdleTimeout == 0 && len(c.forwardsTo(pool)) > 0
}

// idleTimeouts returns those of the pools that have one.
func (c *Config) idleTimeouts() map[string]time.Duration {
	timeouts := make(map[string]time.Duration)
	for name, p := range c.Pools {
		if p.IdleTimeout > 0 {
			timeouts[name] = p.IdleTimeout
		}
	}
	return timeouts
}

// entryName is what a pool or an upstream may be called.
var entryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// checkUpstreams checks each upstream by itself.
func (c *Config) checkUpstreams(m *mistakes) {
	for _, name := range c.upstreamNames() {
		path := "upstreams." + name
		if !entryName.MatchString(name) {
			m.add(path, "an upstream's name consists of letters, digits, - and _")
		}
		for _, mistake := range c.Upstreams[name].upstream(name).Mistakes() {
			m.add(path+"."+mistake.Field, "%s", mistake.Reason)
		}
	}
}

func (c *Config) upstreamNames() []string { return slices.Sorted(maps.Keys(c.Upstreams)) }

// checkForward checks what the rule table does not know of: that the action has
// one kind of target, and the names of upstreams and pools.
func (c *Config) checkForward(path string, f *ForwardAction, m *mistakes) {
	var kinds []string
	for _, kind := range []struct {
		name string
		has  bool
	}{
		{"urls", len(f.URLs) > 0}, {"upstream", f.Upstream != ""}, {"pool", f.Pool != ""}, {"weighted", len(f.Weighted) > 0},
	} {
		if kind.has {
			kinds = append(kinds, kind.name)
		}
	}
	if len(kinds) > 1 {
		m.add(path, "has more than one of urls, upstream, pool and weighted: %s", strings.Join(kinds, ", "))
	}
	c.checkUpstreamName(path, f.Upstream, m)
	c.checkForwardPool(path, f.Pool, f.Port, m)
	for i, w := range f.Weighted {
		entry := fmt.Sprintf("%s.weighted[%d]", path, i)
		c.checkUpstreamName(entry, w.Upstream, m)
		c.checkForwardPool(entry, w.Pool, w.Port, m)
	}
}

// checkForwardPool: a forward rule has no session that a pool's key could tell
// apart.
func (c *Config) checkForwardPool(path, name string, port int, m *mistakes) {
	c.checkPoolName(path, name, port, m)
	if p := c.Pools[name]; p != nil {
		if variables, err := templateNames(p.Key); err == nil && len(variables) > 0 {
			m.add(path+".pool", "pool %s has tasks by client or session (key %s); a forward rule has neither", name, p.Key)
		}
	}
}

func (c *Config) checkUpstreamName(path, name string, m *mistakes) {
	if name == "" || c.Upstreams[name] != nil {
		return
	}
	m.add(path+".upstream", "there is no upstream %q; upstreams: %s", name, strings.Join(c.upstreamNames(), ", "))
}
