package main

import (
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/route/albimport"
)

// importedUpstream is a target group as the configuration has it. Addresses that
// are not known are a text that the check refuses, and that says what to fill in.
func importedUpstream(u *albimport.Upstream) *UpstreamConfig {
	c := &UpstreamConfig{URLs: u.URLs, Algorithm: string(u.Algorithm), DrainTimeout: u.DrainTimeout}
	if u.HealthCheck != nil {
		h := HealthCheckConfig(*u.HealthCheck)
		c.HealthCheck = &h
	}
	c.fillDefaults()
	if u.Missing != "" {
		c.URLs = []string{toFillIn + u.Missing}
	}
	return c
}

// toFillIn begins what stands in the place of addresses that an import did not find.
const toFillIn = "FILL IN: "

// fillIn puts an address that leads nowhere in the place of each that is yet to be
// filled in, so that the rules can be tried before.
func (c *Config) fillIn() {
	for _, u := range c.Upstreams {
		for i, text := range u.URLs {
			if strings.HasPrefix(text, toFillIn) {
				u.URLs[i] = "http://fill-in.invalid" // RFC 6761 6.4
			}
		}
	}
}

// importedRoute is a rule as the configuration has it: what [RouteConfig.rule] reads
// back.
func importedRoute(r *route.Rule) RouteConfig {
	c := RouteConfig{
		Priority: r.Priority, Default: r.Default,
		Path: r.Conditions.Path.Values, PathRegex: r.Conditions.Path.Regex,
		Host: r.Conditions.Host.Values, HostRegex: r.Conditions.Host.Regex,
		Method: r.Conditions.Methods, SourceIP: r.Conditions.SourceIPs,
		Rewrite: RewriteConfig{
			Path: ReplacementConfig(r.Rewrite.Path), Host: ReplacementConfig(r.Rewrite.Host),
		},
		ResponseHeaders: ResponseHeadersConfig(r.ResponseHeaders),
	}
	for _, h := range r.Conditions.Headers {
		c.Header = append(c.Header, HeaderCondition{Name: h.Name, Values: h.Values, Regex: h.Regex})
	}
	for i, q := range r.Conditions.Queries {
		var pairs []QueryValue
		for _, p := range q.Pairs {
			pairs = append(pairs, QueryValue(p))
		}
		if i == 0 {
			c.Query = pairs
		} else {
			c.Queries = append(c.Queries, QueryAlternatives{Any: pairs})
		}
	}
	switch a := r.Action.(type) {
	case *route.Forward:
		c.Forward = importedForward(a)
	case *route.Redirect:
		c.Redirect = &RedirectAction{
			StatusCode: a.StatusCode, Protocol: a.Protocol, Host: a.Host, Port: a.Port, Path: a.Path, Query: a.Query,
		}
	case *route.FixedResponse:
		c.FixedResponse = &FixedResponseAction{StatusCode: a.StatusCode, ContentType: a.ContentType, Body: a.Body}
	}
	return c
}

// importedForward names one upstream, or shares the requests by weight.
func importedForward(a *route.Forward) *ForwardAction {
	if len(a.Groups) == 1 && a.Groups[0].Weight > 0 {
		return &ForwardAction{Upstream: a.Groups[0].Upstream.Name}
	}
	f := &ForwardAction{}
	for _, g := range a.Groups {
		weight := g.Weight
		f.Weighted = append(f.Weighted, WeightedForward{Upstream: g.Upstream.Name, Weight: &weight})
	}
	return f
}
