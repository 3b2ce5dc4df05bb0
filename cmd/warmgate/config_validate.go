package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// mistakes collects what is wrong with a configuration.
type mistakes struct{ errs []error }

func (m *mistakes) add(path, format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// oneOf adds a mistake unless value is among words.
func (m *mistakes) oneOf(path, value string, words ...string) {
	if !slices.Contains(words, value) {
		m.add(path, "%q is none of %s", value, strings.Join(words, ", "))
	}
}

// url adds a mistake unless value is empty or the URL of a service.
func (m *mistakes) url(path, value string) {
	if u, err := url.Parse(value); value != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		m.add(path, "%q is no URL such as http://localhost:8000", value)
	}
}

// addInvalid adds the [*session.InvalidError]s that err joins, with their fields
// below path.
func (m *mistakes) addInvalid(path string, err error) {
	for _, err := range joined(err) {
		if invalid, ok := errors.AsType[*session.InvalidError](err); ok {
			m.add(path+invalid.Field, "%s", invalid.Reason)
		} else {
			m.add(strings.TrimSuffix(path, "."), "%v", err)
		}
	}
}

// Validate reports every mistake at once (errors.Join), each with its key's
// path. Nothing but files that exist already is looked at outside of c.
func (c *Config) Validate() error {
	m := &mistakes{}
	c.checkNumbers(m)
	c.checkListeners(m)
	c.checkPublic(m)
	c.checkTLS(m)
	c.checkForwarded(m)
	c.checkAdmin(m)
	c.checkStore(m)
	c.checkSessions(m)
	c.checkTimes(m)
	c.checkCloudWatch(m)
	m.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	m.oneOf("log.format", c.Log.Format, logText, logJSON)
	m.oneOf("log.access", c.Log.Access, accessJSON, accessALB, accessOff)
	c.checkPools(m)
	c.checkUpstreams(m)
	c.checkRoutes(m)
	return errors.Join(m.errs...)
}

// checkNumbers: no number is negative, and only where it means something may
// one be zero.
func (c *Config) checkNumbers(m *mistakes) {
	mayBeZero := []string{
		"shutdown.delay", "sockets.message_bytes", "tls.redirect.status_code", "tls.hsts.max_age", "limits.launch_rate", "cloudwatch.clients", "cloudwatch.task_hour_price",
	}
	for _, k := range configKeys(c, &PoolConfig{}, &RouteConfig{}) {
		if section, _, _ := strings.Cut(k.Path, "."); section == "pools" || section == "upstreams" || strings.HasPrefix(section, "routes") {
			continue
		}
		var negative, zero bool
		switch {
		case k.Value.CanInt():
			negative, zero = k.Value.Int() < 0, k.Value.Int() == 0
		case k.Value.CanFloat():
			negative, zero = k.Value.Float() < 0, k.Value.Float() == 0
		}
		switch {
		case negative:
			m.add(k.Path, "is negative")
		case zero && !slices.Contains(mayBeZero, k.Path):
			m.add(k.Path, "must be more than 0")
		}
	}
}

// checkListeners: addresses that can be listened on, no two of them the same.
func (c *Config) checkListeners(m *mistakes) {
	seen := map[string]string{}
	for _, l := range []struct {
		path, address string
		optional      bool
	}{
		{"listen", c.Listen, false},
		{"tls.listen", c.TLS.Listen, true},
		{"health.listen", c.Health.Listen, true},
		{"admin.listen", c.Admin.Listen, false},
	} {
		if l.address == "" && l.optional {
			continue
		}
		host, port, err := net.SplitHostPort(l.address)
		if err != nil {
			m.add(l.path, "%q is no address such as 127.0.0.1:8080 or :8080", l.address)
			continue
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			m.add(l.path, "%q is no port", port)
			continue
		}
		if port == "0" {
			continue // any free port: always another one
		}
		if other, ok := seen[port]; ok && overlap(host, other) {
			m.add(l.path, "%s is the address of another listener, too", l.address)
		}
		seen[port] = host
	}
}

// overlap reports whether listeners on the two hosts with one port collide.
func overlap(a, b string) bool {
	every := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	return a == b || every(a) || every(b)
}

func (c *Config) checkPublic(m *mistakes) {
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			m.add("public_url", "%q is no URL such as https://edit.example.com", c.PublicURL)
		case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
			m.add("public_url", "%q must end after the host", c.PublicURL)
		}
	}
	for i, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			m.add(fmt.Sprintf("trusted_proxies[%d]", i), "%q is no network such as 10.0.0.0/8", p)
		}
	}
	for i, o := range c.Sockets.Origins {
		if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			m.add(fmt.Sprintf("sockets.origins[%d]", i), "%q is no origin such as https://app.example.com", o)
		}
	}
}

func (c *Config) checkAdmin(m *mistakes) {
	if c.Admin.TokenFile == "" {
		m.add("admin.token_file", "is empty; the management API needs a token")
	} else if _, err := readToken(c.Admin.TokenFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.add("admin.token_file", "%v", err)
	}
	for i, h := range c.Admin.Hosts {
		if h == "" || strings.ContainsAny(h, "/ *@") {
			m.add(fmt.Sprintf("admin.hosts[%d]", i), "%q is no host name", h)
		}
	}
}

func (c *Config) checkStore(m *mistakes) {
	switch c.Store.Kind {
	case storeBolt:
		if c.Store.Path == "" {
			m.add("store.path", "is empty")
		}
	case storeDynamoDB:
		c.checkTables(m)
	default:
		m.oneOf("store.kind", c.Store.Kind, storeBolt, storeDynamoDB)
	}
}

// checkTables: two tables, and attributes that have a name each.
func (c *Config) checkTables(m *mistakes) {
	for _, t := range []struct{ path, name string }{
		{"store.table", c.Store.Table}, {"store.control_table", c.Store.ControlTable},
	} {
		if !tableName.MatchString(t.name) {
			m.add(t.path, "%q is no name of a table: 3 to 255 letters, digits, and _.-", t.name)
		}
	}
	if c.Store.Table == c.Store.ControlTable {
		m.add("store.control_table", "must be another table than store.table")
	}
	m.url("store.endpoint", c.Store.Endpoint)
	used := map[string]string{}
	for _, k := range configKeys(c, &PoolConfig{}, &RouteConfig{}) {
		if k.parent() != "store.attributes" {
			continue
		}
		name := k.Value.String()
		if name == "" {
			m.add(k.Path, "is empty")
		} else if other, ok := used[name]; ok {
			m.add(k.Path, "%q is %s already", name, other)
		}
		used[name] = k.Path
	}
}

// tableName is what DynamoDB accepts.
var tableName = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,255}$`)

func (c *Config) checkSessions(m *mistakes) {
	m.oneOf("sessions.on_idle", c.Sessions.OnIdle, onIdleSleep, onIdleEnd)
	if g := c.Sessions.Gone; g != goneNotFound {
		u, err := url.Parse(g)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			m.add("sessions.gone", `%q is neither "404" nor a URL such as https://example.com/`, g)
		}
	}
	if s := c.Sessions; min(s.TTL, s.IdleTimeout, s.TouchInterval, s.PresenceLimit, s.AwakeLimit) > 0 { // else see checkNumbers
		m.addInvalid("sessions.", c.clocks().Validate())
	}
}

// joined takes an errors.Join apart.
func joined(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// checkTimes: what a time of one section means for another.
func (c *Config) checkTimes(m *mistakes) {
	if c.Shutdown.Drain <= c.Cold.HoldTimeout {
		m.add("shutdown.drain", "must be longer than cold.hold_timeout (%s): a held request could not be answered",
			durationText(c.Cold.HoldTimeout))
	}
	if c.Cold.PageGrace >= c.Cold.HoldTimeout {
		m.add("cold.page_grace", "must be shorter than cold.hold_timeout")
	}
	for i := range c.Routes {
		if c.Routes[i].Limits.HoldTimeout >= c.Shutdown.Drain {
			m.add(fmt.Sprintf("routes[%d].limits.hold_timeout", i), "must be shorter than shutdown.drain (%s)",
				durationText(c.Shutdown.Drain))
		}
	}
}

// checkRoutes: each rule by itself, the table as a whole, and the pools that
// rules name.
func (c *Config) checkRoutes(m *mistakes) {
	rules := make([]route.Rule, len(c.Routes))
	noAction := map[int]bool{}
	for i := range c.Routes {
		rule, err := c.Routes[i].rule()
		if err != nil {
			m.add(fmt.Sprintf("routes[%d]", i), "%v", err)
			rule.Action, noAction[i] = &route.FixedResponse{StatusCode: http.StatusOK}, true
		}
		rules[i] = rule
		c.checkTargets(i, rule.Action, m)
		if r := &c.Routes[i]; r.compresses() && r.Session == nil && r.Forward == nil {
			m.add(fmt.Sprintf("routes[%d].compress", i), "is for session and forward: only answers of upstreams are coded")
		}
	}
	_, err := route.NewTable(rules)
	for _, err := range joined(err) {
		e, ok := errors.AsType[*route.RuleError](err)
		if ok && (e.Field != "action" || !noAction[e.Index]) && !strings.HasPrefix(e.Field, "upstream ") { // see checkUpstreams
			m.add(fmt.Sprintf("routes[%d].%s", e.Index, e.Field), "%s", e.Reason)
		}
	}
}

// checkTargets checks what the rule's action says about pools and files.
func (c *Config) checkTargets(i int, a route.Action, m *mistakes) {
	switch a := a.(type) {
	case *route.Session:
		c.checkPoolName(fmt.Sprintf("routes[%d].session", i), a.Pool, a.Port, m)
		if p := c.Pools[a.Pool]; p != nil {
			p.resolvePorts(a) // the rule table checks the paths
		}
		if a.Template != "" && !a.AllowGuessable {
			m.add(fmt.Sprintf("routes[%d].session.template", i), "makes ids that can be guessed: say so with allow_guessable: true")
		}
	case *route.Forward:
		c.checkForward(fmt.Sprintf("routes[%d].forward", i), c.Routes[i].Forward, m)
		c.bind(a)
	case *route.Static:
		m.url(fmt.Sprintf("routes[%d].static.endpoint", i), a.Endpoint)
		if a.Dir != "" {
			checkFolder(fmt.Sprintf("routes[%d].static.dir", i), a.Dir, m)
		}
	}
}

func checkFolder(path, dir string, m *mistakes) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		m.add(path, "%v", err)
	case !info.IsDir():
		m.add(path, "%s is no folder", dir)
	}
}

func (c *Config) checkPoolName(path, pool string, port int, m *mistakes) {
	if pool == "" {
		return // the rule table says so
	}
	p, ok := c.Pools[pool]
	if !ok {
		m.add(path+".pool", "there is no pool %q; pools: %s", pool, strings.Join(c.poolNames(), ", "))
		return
	}
	if port != 0 && port != p.Port && !slices.Contains(p.Ports.numbers(), port) {
		m.add(path+".port", "%d is none of the pool's ports", port)
	}
}

// poolNames returns the pools' names in order.
func (c *Config) poolNames() []string {
	return slices.Sorted(maps.Keys(c.Pools))
}
