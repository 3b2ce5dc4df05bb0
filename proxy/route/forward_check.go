package route

import (
	"net/url"
	"strings"
)

func (f *Forward) check(m *mistakes) {
	if len(f.Groups) == 0 {
		m.add("forward", "needs urls, an upstream or a pool")
	}
	f.Host.check("forward.host", m)
	for i := range f.Groups {
		f.Groups[i].check(m)
	}
}

func (g *ForwardGroup) check(m *mistakes) {
	if (g.Pool == "") == (g.Upstream == nil) {
		m.add("forward", "needs either an upstream or a pool in each of its groups")
	}
	if g.Weight < 0 || g.Weight > MaxWeight {
		m.add("forward.weight", "%d is not 0 to %d", g.Weight, MaxWeight)
	}
	checkPort("forward.port", g.Port, m)
	if g.Port != 0 && g.Pool == "" {
		m.add("forward.port", "belongs to a pool; write the port into the URL")
	}
	if u := g.Upstream; u != nil {
		for _, mistake := range u.Mistakes() {
			field := mistake.Field
			if u.Name == "" { // the rule's own
				field = "forward." + field
			} else {
				field = "upstream " + u.Name + ": " + field
			}
			m.add(field, "%s", mistake.Reason)
		}
	}
}

// UpstreamMistake is one mistake in an [Upstream]; Field is its key in the
// configuration.
type UpstreamMistake struct{ Field, Reason string }

// Mistakes returns everything that is wrong with u, nil if nothing is.
func (u *Upstream) Mistakes() []UpstreamMistake {
	var list []UpstreamMistake
	add := func(field, reason string) { list = append(list, UpstreamMistake{field, reason}) }
	if len(u.URLs) == 0 {
		add("urls", "there are none")
	}
	seen := map[string]bool{}
	for _, raw := range u.URLs {
		if reason := checkUpstream(raw); reason != "" {
			add("urls", quoted(raw)+": "+reason)
		}
		if seen[raw] {
			add("urls", quoted(raw)+": is there twice")
		}
		seen[raw] = true
	}
	switch u.Algorithm {
	case "", RoundRobin, LeastOutstanding:
	default:
		add("algorithm", quoted(string(u.Algorithm))+" is neither round_robin nor least_outstanding")
	}
	if u.DrainTimeout < 0 {
		add("drain_timeout", "is negative")
	}
	if u.HealthCheck != nil {
		u.WithDefaults().HealthCheck.check(func(field, reason string) { add("health_check."+field, reason) })
	}
	return list
}

// check expects the defaults to be filled in.
func (h *HealthCheck) check(add func(field, reason string)) {
	if ref, err := url.Parse(h.Path); err != nil || !strings.HasPrefix(h.Path, "/") || ref.Host != "" || ref.Fragment != "" {
		add("path", quoted(h.Path)+" is no path such as /healthz")
	}
	if h.Port < 0 || h.Port > 65535 {
		add("port", "is no port")
	}
	if h.Interval < 0 {
		add("interval", "is negative")
	}
	if h.Timeout < 0 {
		add("timeout", "is negative")
	}
	if h.Timeout > h.Interval {
		add("timeout", "must not be longer than interval")
	}
	if h.HealthyThreshold < 0 {
		add("healthy_threshold", "is negative")
	}
	if h.UnhealthyThreshold < 0 {
		add("unhealthy_threshold", "is negative")
	}
	if _, err := ParseMatcher(h.Matcher); err != nil {
		add("matcher", err.Error())
	}
}

func checkUpstream(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "is no URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must begin with http:// or https://"
	case u.Hostname() == "":
		return "has no host"
	case u.User != nil:
		return "must not hold a password or user"
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "must end after the host: the request's own path is used"
	}
	return ""
}
