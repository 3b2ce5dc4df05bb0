package albimport

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
)

// upstreamName is the name of the target group: its own, or one with more of the
// ARN if another group has that name already.
func (c *converter) upstreamName(arn string) string {
	if name, ok := c.names[arn]; ok {
		return name
	}
	name := nameIn(arn, "targetgroup")
	if g := c.group(arn); g != nil && g.TargetGroupName != "" {
		name = g.TargetGroupName
	}
	if name == "" {
		name = "unnamed"
	}
	free := name
	for n := 2; slices.Contains(slices.Collect(maps.Values(c.names)), free); n++ {
		free = name + "-" + strconv.Itoa(n)
	}
	c.names[arn] = free
	return free
}

// group is what the documents tell of the target group; nil if nothing.
func (c *converter) group(arn string) *groupShape {
	for i := range c.documents.groups.items {
		if g := &c.documents.groups.items[i]; g.TargetGroupArn == arn {
			return g
		}
	}
	return nil
}

// upstreams makes those that the rules name, and says which groups no rule names.
func (c *converter) upstreams() error {
	byName := map[string]string{}
	for arn, name := range c.names {
		byName[name] = arn
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		u, err := c.upstream(name, byName[name])
		if err != nil {
			return err
		}
		c.result.Upstreams = append(c.result.Upstreams, u)
	}
	for _, g := range c.documents.groups.items {
		if c.names[g.TargetGroupArn] == "" {
			c.note("target group "+g.TargetGroupName, "is left out: no rule of this listener forwards to it")
		}
	}
	return c.unusedHealth()
}

func (c *converter) upstream(name, arn string) (Upstream, error) {
	u := Upstream{ARN: arn, Upstream: route.Upstream{Name: name}}
	g := c.group(arn)
	if g == nil {
		u.Missing = "the base URL of each target of " + arn + ", such as http://10.0.0.1:80; describe-target-groups would tell more"
		c.note("target group "+name, "is in none of the files: its addresses and health checks are to be filled in")
		return u, nil
	}
	c.checkGroup(name, g)
	u.HealthCheck = c.healthCheck(name, g)
	targets, err := c.targets(g)
	if err != nil {
		return u, err
	}
	u.URLs, u.Missing = g.urls(targets)
	if u.Missing != "" {
		c.note("target group "+name, "has no address that is known: %s", u.Missing)
	}
	return u, c.groupAttributes(&u, g)
}

// checkGroup says what of the group has no counterpart.
func (c *converter) checkGroup(name string, g *groupShape) {
	about := "target group " + name
	if v := g.ProtocolVersion; v != "" && v != "HTTP1" {
		c.note(about, "the protocol version %s is not carried over: targets are spoken to in HTTP/1.1", v)
	}
	if p := g.HealthCheckProtocol; p != "" && p != g.Protocol && g.TargetType != "lambda" {
		c.note(about, "its health check uses %s; ours uses the protocol of the target's URL", p)
	}
	if g.Matcher.GrpcCode != "" {
		c.note(about, "the health check's gRPC code is not carried over")
	}
}

func (c *converter) healthCheck(name string, g *groupShape) *route.HealthCheck {
	if g.HealthCheckEnabled != nil && !*g.HealthCheckEnabled || g.TargetType == "lambda" {
		return nil
	}
	h := route.HealthCheck{
		Path: g.HealthCheckPath, Interval: seconds(g.HealthCheckIntervalSeconds), Timeout: seconds(g.HealthCheckTimeoutSeconds),
		HealthyThreshold: g.HealthyThresholdCount, UnhealthyThreshold: g.UnhealthyThresholdCount, Matcher: g.Matcher.HttpCode,
	}
	if p := g.HealthCheckPort; p != "" && p != "traffic-port" {
		var err error
		if h.Port, err = strconv.Atoi(p); err != nil {
			c.note("target group "+name, "the health check's port %q is none: the target's own is asked", p)
		}
	}
	return route.Upstream{HealthCheck: &h}.WithDefaults().HealthCheck
}

// targets are those that describe-target-health tells of.
func (c *converter) targets(g *groupShape) ([]healthShape, error) {
	var list []healthShape
	for _, h := range c.documents.health {
		switch {
		case h.label == "" && len(c.documents.groups.items) > 1:
			return nil, fmt.Errorf("%s: does not say whose targets these are; say it: %s=%s", h.file, g.TargetGroupName, h.file)
		case h.label == "" || h.label == g.TargetGroupName:
			list = append(list, h.targets...)
		}
	}
	return list, nil
}

// unusedHealth: the targets of a group that no document describes would be lost.
func (c *converter) unusedHealth() error {
	for _, h := range c.documents.health {
		known := slices.ContainsFunc(c.documents.groups.items, func(g groupShape) bool { return h.label == "" || g.TargetGroupName == h.label })
		if !known {
			return fmt.Errorf("%s: is about the target group %q, which describe-target-groups does not list here", h.file, h.label)
		}
	}
	return nil
}

// urls are the base URLs of the targets; missing says what is to be filled in if
// there are none.
func (g *groupShape) urls(targets []healthShape) (urls []string, missing string) {
	scheme := strings.ToLower(g.Protocol)
	if scheme != "https" {
		scheme = "http"
	}
	example := fmt.Sprintf("%s://10.0.0.1:%d", scheme, max(g.Port, 1))
	if g.TargetType == "lambda" {
		return nil, "a URL at which the Lambda function answers HTTP: functions are not called directly"
	}
	for _, t := range targets {
		if t.TargetHealth.State == "draining" {
			continue
		}
		if _, err := netip.ParseAddr(t.Target.Id); err != nil {
			return nil, "the base URL of each target, such as " + example + ": " + t.Target.Id + " is no address"
		}
		port := t.Target.Port
		if port == 0 {
			port = g.Port
		}
		url := scheme + "://" + net.JoinHostPort(t.Target.Id, strconv.Itoa(port))
		if !slices.Contains(urls, url) {
			urls = append(urls, url)
		}
	}
	slices.Sort(urls)
	if len(urls) == 0 {
		return nil, "the base URL of each target, such as " + example + " (describe-target-health lists them)"
	}
	return urls, ""
}
