package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
)

// RouteConfig is an entry of routes: a rule in the words of an ALB.
type RouteConfig struct {
	Name     string `yaml:"name,omitempty" doc:"Stands for the rule in logs and metrics; unique. Empty: the priority."`
	Priority int    `yaml:"priority,omitempty" doc:"1 to 50000, unique; the lowest is tried first."`
	Default  bool   `yaml:"default,omitempty" doc:"Marks the rule for all requests that no other rule takes; it has no priority and no conditions. Without one they get a 404."`

	Path      []string            `yaml:"path,omitempty" doc:"Condition: the path. * is any run of characters, ? is one; case matters."`
	PathRegex []string            `yaml:"path_regex,omitempty" doc:"Further values of path, as regular expressions (RE2)."`
	Host      []string            `yaml:"host,omitempty" doc:"Condition: the host name without its port; * and ? as in path."`
	HostRegex []string            `yaml:"host_regex,omitempty" doc:"Further values of host, as regular expressions."`
	Method    []string            `yaml:"method,omitempty" doc:"Condition: the request's method, in upper case."`
	Header    []HeaderCondition   `yaml:"header,omitempty" doc:"Conditions on headers; each must hold."`
	Query     []QueryValue        `yaml:"query,omitempty" doc:"Condition: the query string has one of these pairs."`
	Queries   []QueryAlternatives `yaml:"queries,omitempty" doc:"Further conditions on the query string; each must hold."`
	SourceIP  []string            `yaml:"source_ip,omitempty" doc:"Condition: the client's network (CIDR)."`

	Rewrite         RewriteConfig         `yaml:"rewrite,omitempty" doc:"Changes the path and the host that the request is forwarded with, once the rule is chosen: the ALB's transforms url-rewrite and host-header-rewrite."`
	ResponseHeaders ResponseHeadersConfig `yaml:"response_headers,omitempty" doc:"Changes the header of the rule's answers."`
	Limits          RuleLimitsConfig      `yaml:"limits,omitempty" doc:"Bounds of the rule's requests, in place of the general ones."`

	Compress *bool `yaml:"compress,omitempty" doc:"Codes text from the upstream with gzip where the client takes it; event streams and what is coded already stay as they are. Default: true for session, false for forward; others have none."`

	Session       *SessionAction       `yaml:"session,omitempty" doc:"Action: forward to the task of the session that the request names."`
	Forward       *ForwardAction       `yaml:"forward,omitempty" doc:"Action: pass on unchanged, to fixed addresses or to a pool. It has one of urls, upstream, pool and weighted."`
	Static        *StaticAction        `yaml:"static,omitempty" doc:"Action: serve files."`
	Redirect      *RedirectAction      `yaml:"redirect,omitempty" doc:"Action: send the client elsewhere. An empty key keeps the request's own part; #{protocol}, #{host}, #{port}, #{path} and #{query} stand for the request's parts."`
	FixedResponse *FixedResponseAction `yaml:"fixed_response,omitempty" doc:"Action: answer with a fixed text."`
	Management    *ManagementAction    `yaml:"management,omitempty" doc:"Action: the management API, with its token. Where nothing needs to be said: management: {}"`
}

// HeaderCondition is an entry of header.
type HeaderCondition struct {
	Name   string   `yaml:"name" doc:"Name of the header."`
	Values []string `yaml:"values,omitempty" doc:"Its values; * and ? as in path, case does not matter."`
	Regex  []string `yaml:"regex,omitempty" doc:"Further values, as regular expressions."`
}

// QueryValue is an entry of query.
type QueryValue struct {
	Key   string `yaml:"key,omitempty" doc:"The key; empty for any."`
	Value string `yaml:"value" doc:"Its value; * and ? as in path, case does not matter."`
}

// QueryAlternatives is an entry of queries.
type QueryAlternatives struct {
	Any []QueryValue `yaml:"any" doc:"The query string has one of these pairs."`
}

// SessionAction is the action session.
type SessionAction struct {
	Pool           string   `yaml:"pool" doc:"Name of the pool that serves the sessions. May be left out if there is one pool only."`
	Port           int      `yaml:"port,omitempty" doc:"Port on the task, one of the pool's; 0 is its main port."`
	Prefix         string   `yaml:"prefix,omitempty" doc:"strip: the site knows nothing of the prefix that names the session; keep: the path is forwarded unchanged. Empty: strip."`
	Host           string   `yaml:"host,omitempty" doc:"Host header that the site gets: upstream (its own address, which dev servers admit without a setting) or preserve (the client's). Empty: upstream."`
	NoRewrite      bool     `yaml:"no_rewrite,omitempty" doc:"Passes the site's answers on as they are although the prefix was stripped."`
	ID             []string `yaml:"id,omitempty" doc:"Where the session's id comes from, in this order: path, host:{id}.example.com, header:NAME, hint. Empty: path."`
	Template       string   `yaml:"template,omitempty" doc:"Builds the id from what the sources found, for example {client}-{thread}. Empty: {id}."`
	AllowGuessable bool     `yaml:"allow_guessable,omitempty" doc:"Serves sessions whose ids are open to guessing, too: whoever guesses one sees its site. Without it there is no session here by an id that does not look random, like a UUID or the ids that Warmgate makes. Required with template."`
}

// StaticAction is the action static.
type StaticAction struct {
	Dir           string `yaml:"dir,omitempty" doc:"Folder with the files, relative to the configuration file's."`
	S3            string `yaml:"s3,omitempty" doc:"Name of an S3 bucket; instead of dir. It is read with the credentials of the AWS environment, which need s3:GetObject and nothing else; it is never listed (docs/static.md)."`
	Prefix        string `yaml:"prefix,omitempty" doc:"s3: what stands before every key, for example site/."`
	Region        string `yaml:"region,omitempty" doc:"s3: the bucket's region; empty for the one of the AWS environment."`
	Endpoint      string `yaml:"endpoint,omitempty" doc:"s3: URL of the service, for a stand-in or a VPC endpoint; empty for the region's own."`
	Index         string `yaml:"index,omitempty" doc:"File that a path with a slash at its end stands for. Empty: index.html."`
	ErrorDocument string `yaml:"error_document,omitempty" doc:"File that a 404 shows. Empty: 404.html, if there is one."`
	Fallback      string `yaml:"fallback,omitempty" doc:"File for navigations to unknown paths, with status 200, for single-page sites; empty for a 404."`
	CacheControl  string `yaml:"cache_control,omitempty" doc:"Value of Cache-Control where the object has none of its own. Empty: no-cache."`
}

// RedirectAction is the action redirect.
type RedirectAction struct {
	StatusCode int     `yaml:"status_code,omitempty" doc:"301, 302, 303, 307 or 308. Empty: 302."`
	Protocol   string  `yaml:"protocol,omitempty" doc:"HTTP, HTTPS or #{protocol}."`
	Host       string  `yaml:"host,omitempty" doc:"Host name; may hold #{host}."`
	Port       string  `yaml:"port,omitempty" doc:"A number or #{port}."`
	Path       string  `yaml:"path,omitempty" doc:"Begins with /; may hold #{host}, #{path} and #{port}."`
	Query      *string `yaml:"query,omitempty" doc:"Without the question mark; \"\" drops the request's."`
}

// FixedResponseAction is the action fixed_response.
type FixedResponseAction struct {
	StatusCode  int    `yaml:"status_code" doc:"2xx, 4xx or 5xx."`
	ContentType string `yaml:"content_type,omitempty" doc:"Media type. Empty: text/plain."`
	Body        string `yaml:"body,omitempty" doc:"The text."`
}

// ManagementAction is the action management.
type ManagementAction struct {
	Base string `yaml:"base,omitempty" doc:"What stands before the API's own path /api/sessions, for example /hermes. Empty: what the rule's path has there."`
}

// compresses is whether answers of the rule are coded: those of dev servers are
// plain text, megabytes of it for one page, while others code what they want coded.
func (r *RouteConfig) compresses() bool {
	if r.Compress != nil {
		return *r.Compress
	}
	return r.Session != nil
}

// rule returns the rule that r describes; an error if it has not one action.
func (r *RouteConfig) rule() (route.Rule, error) {
	rule := route.Rule{
		Priority: r.Priority, Default: r.Default, Name: r.Name, Compress: r.compresses(),
		Rewrite: r.Rewrite.rewrite(), ResponseHeaders: route.ResponseHeaders(r.ResponseHeaders), Limits: route.Limits(r.Limits),
		Conditions: route.Conditions{
			Path:      route.Patterns{Values: r.Path, Regex: r.PathRegex},
			Host:      route.Patterns{Values: r.Host, Regex: r.HostRegex},
			Methods:   r.Method,
			SourceIPs: r.SourceIP,
		},
	}
	for _, h := range r.Header {
		rule.Conditions.Headers = append(rule.Conditions.Headers, route.HeaderCondition{
			Name: h.Name, Patterns: route.Patterns{Values: h.Values, Regex: h.Regex},
		})
	}
	if len(r.Query) > 0 {
		rule.Conditions.Queries = append(rule.Conditions.Queries, queryCondition(r.Query))
	}
	for _, q := range r.Queries {
		rule.Conditions.Queries = append(rule.Conditions.Queries, queryCondition(q.Any))
	}
	actions := r.actions()
	switch len(actions) {
	case 0:
		return rule, errors.New("has no action; give it one of session, forward, static, redirect, fixed_response, management")
	case 1:
		rule.Action = actions[0].action
		return rule, nil
	}
	var names []string
	for _, a := range actions {
		names = append(names, a.name)
	}
	return rule, fmt.Errorf("has more than one action: %s", strings.Join(names, ", "))
}

func queryCondition(values []QueryValue) route.QueryCondition {
	var q route.QueryCondition
	for _, v := range values {
		q.Pairs = append(q.Pairs, route.QueryPair(v))
	}
	return q
}

type namedAction struct {
	name   string
	action route.Action
}

// actions lists the actions that r has.
func (r *RouteConfig) actions() []namedAction {
	var list []namedAction
	if r.Session != nil {
		list = append(list, namedAction{"session", r.Session.action()})
	}
	if r.Forward != nil {
		list = append(list, namedAction{"forward", r.Forward.action()})
	}
	if r.Static != nil {
		list = append(list, namedAction{"static", r.Static.action()})
	}
	if r.Redirect != nil {
		list = append(list, namedAction{"redirect", r.Redirect.action()})
	}
	if r.FixedResponse != nil {
		list = append(list, namedAction{"fixed_response", r.FixedResponse.action()})
	}
	if r.Management != nil {
		list = append(list, namedAction{"management", &route.Management{Base: r.Management.Base}})
	}
	return list
}

func (s *SessionAction) action() route.Action {
	var ids []route.IDSource
	for _, id := range s.ID {
		ids = append(ids, route.IDSource(id))
	}
	return &route.Session{
		Pool: s.Pool, Port: s.Port, Prefix: route.PrefixMode(s.Prefix), Host: route.HostMode(s.Host), NoRewrite: s.NoRewrite,
		ID: ids, Template: s.Template, AllowGuessable: s.AllowGuessable,
	}
}

func (s *StaticAction) action() route.Action {
	return &route.Static{
		Dir: s.Dir, S3: s.S3, Prefix: s.Prefix, Region: s.Region, Endpoint: s.Endpoint,
		Index: s.Index, ErrorDocument: s.ErrorDocument, Fallback: s.Fallback, CacheControl: s.CacheControl,
	}
}

func (r *RedirectAction) action() route.Action {
	return &route.Redirect{
		StatusCode: r.StatusCode, Protocol: r.Protocol, Host: r.Host, Port: r.Port, Path: r.Path, Query: r.Query,
	}
}

func (f *FixedResponseAction) action() route.Action {
	return &route.FixedResponse{StatusCode: f.StatusCode, ContentType: f.ContentType, Body: f.Body}
}
