package main

import (
	"time"

	"github.com/webordinary/warmgate/proxy/route"
)

// RewriteConfig is the section rewrite of a rule.
type RewriteConfig struct {
	Path ReplacementConfig `yaml:"path,omitempty" doc:"The path, escapes as they are, without the query string, which stays; in a session rule what is left of it behind a stripped prefix."`
	Host ReplacementConfig `yaml:"host,omitempty" doc:"The Host header without its port, which stays; case does not matter. If it matches, the upstream is asked for the result, whatever the action's key host says."`
}

// ReplacementConfig is an entry of rewrite.
type ReplacementConfig struct {
	Regex   string `yaml:"regex,omitempty" doc:"Regular expression (RE2), not anchored; where it does not match nothing changes."`
	Replace string `yaml:"replace,omitempty" doc:"What takes the place of each match; $1 or ${1} is a group, $$ a dollar sign."`
}

// ResponseHeadersConfig is the section response_headers of a rule.
type ResponseHeadersConfig struct {
	Set    map[string]string `yaml:"set,omitempty" doc:"Values by header name. They take the place of an upstream's; Warmgate's own pages keep what they say already."`
	Remove []string          `yaml:"remove,omitempty" doc:"Names of headers to leave out."`
}

// RuleLimitsConfig is the section limits of a rule.
type RuleLimitsConfig struct {
	BodyBytes       int64         `yaml:"body_bytes,omitempty" doc:"Size of a request's body; 413 beyond. 0: no bound."`
	ResponseTimeout time.Duration `yaml:"response_timeout,omitempty" doc:"Takes the place of limits.response_timeout."`
	HoldTimeout     time.Duration `yaml:"hold_timeout,omitempty" doc:"Takes the place of cold.hold_timeout."`
	PageGrace       time.Duration `yaml:"page_grace,omitempty" doc:"Takes the place of cold.page_grace."`
}

func (r *RewriteConfig) rewrite() route.Rewrite {
	return route.Rewrite{Path: route.Replacement(r.Path), Host: route.Replacement(r.Host)}
}
