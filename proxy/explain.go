package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// Explanation says what the data plane would do with a request, and why. It is
// made from the request and the rules alone: what a session's state, a file or an
// upstream would add is not in it.
type Explanation struct {
	Method string `json:"method"`
	Scheme string `json:"scheme"`
	Host   string `json:"host"`
	Path   string `json:"path"`
	Query  string `json:"query,omitempty"`
	// Source is the address that rules see: the peer's, or the one that trusted
	// proxies vouch for.
	Source string `json:"source"`
	// Rules are those that were looked at, in their order; none if the request is
	// refused before.
	Rules []ExplainedRule `json:"rules,omitempty"`
	// Rule names the rule that takes the request; empty if none does.
	Rule string `json:"rule,omitempty"`
	// Action is what happens then.
	Action ExplainedAction `json:"action"`
}

// ExplainedRule is a rule that was looked at.
type ExplainedRule struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	// Conditions as [route.Verdict].Checks.
	Conditions []ExplainedCondition `json:"conditions,omitempty"`
}

// ExplainedCondition is a [route.Check].
type ExplainedCondition struct {
	Condition string   `json:"condition"`
	Holds     bool     `json:"holds"`
	Got       []string `json:"got,omitempty"`
	Want      []string `json:"want"`
	By        string   `json:"by,omitempty"`
}

// ExplainedAction is what happens to a request. What does not apply is empty.
type ExplainedAction struct {
	// Kind is a rule's action as in the configuration, or "answer" for what is
	// answered without one.
	Kind string `json:"kind"`
	// Status is that of an answer that Warmgate gives by itself.
	Status   int    `json:"status,omitempty"`
	Location string `json:"location,omitempty"`
	// Reason says in words why the answer is given.
	Reason string `json:"reason,omitempty"`

	Session *ExplainedSession `json:"session,omitempty"`
	// Pool, or the addresses of Upstreams, get the request; Port is the pool's own
	// if 0.
	Pool      string   `json:"pool,omitempty"`
	Port      int      `json:"port,omitempty"`
	Upstreams []string `json:"upstreams,omitempty"`
	// Groups share the requests by their weights, where there are several.
	Groups []ExplainedGroup `json:"groups,omitempty"`
	// Path and Host are what the upstream is asked for; an empty Host is the
	// upstream's own address.
	Path string `json:"path,omitempty"`
	Host string `json:"host,omitempty"`
	// Files is the folder or bucket of a static action.
	Files string `json:"files,omitempty"`
}

// ExplainedGroup is a share of a forward rule's requests: a pool, or addresses,
// which have a name unless the rule has them for itself.
type ExplainedGroup struct {
	Weight    int      `json:"weight"`
	Name      string   `json:"name,omitempty"`
	Pool      string   `json:"pool,omitempty"`
	Port      int      `json:"port,omitempty"`
	Upstreams []string `json:"upstreams,omitempty"`
}

// ExplainedSession is what a request says about its session.
type ExplainedSession struct {
	ID string `json:"id,omitempty"`
	// Prefix is the part of the path that names the session.
	Prefix string `json:"prefix,omitempty"`
	// Sources tells for each source that was asked what it found.
	Sources []ExplainedSource `json:"sources,omitempty"`
}

// ExplainedSource is a [route.Finding].
type ExplainedSource struct {
	Source string            `json:"source"`
	Found  map[string]string `json:"found,omitempty"`
}

// Explain says what the handler's rules would do with r, without doing it. The
// body is not read.
func (h *Handler) Explain(r *http.Request) Explanation {
	return Explain(h.table.Load().table, *h.settings.Load(), r)
}

// Explain says what a handler with these rules and settings would do with r: its
// RemoteAddr is the peer, and a TLS state means https.
func Explain(table *route.Table, s Settings, r *http.Request) Explanation {
	s = s.withDefaults()
	x := explainer{table: table, request: r, origin: trust(s.TrustedProxies).originOf(r)}
	x.facts = route.FromHTTP(r, x.origin.client)
	e := Explanation{
		Method: r.Method, Scheme: x.origin.scheme(), Host: r.Host, Path: x.facts.Path, Query: x.facts.Query,
		Source: x.facts.Peer.String(),
	}
	if status, err := guard(r, x.facts.Path); err != nil {
		e.Action = refusal(status, reasonOf(err))
		return e
	}
	if !s.Forwarded.admits(r) {
		e.Action = refusal(statusLongChain, errLongChain.Error())
		return e
	}
	if location := s.HTTPS.location(&x.origin, &x.facts); location != "" {
		e.Action = ExplainedAction{
			Kind: "redirect", Status: s.HTTPS.Redirect, Location: location, Reason: "the host is served by https only",
		}
		return e
	}
	var rule *route.Rule
	for _, v := range table.Explain(&x.facts) {
		e.Rules = append(e.Rules, explainedRule(v))
		if v.Matched {
			rule = v.Rule
			e.Rule = rule.String()
		}
	}
	e.Action = x.action(rule)
	return e
}

func explainedRule(v route.Verdict) ExplainedRule {
	r := ExplainedRule{Rule: v.Rule.String(), Matched: v.Matched}
	for _, c := range v.Checks {
		r.Conditions = append(r.Conditions, ExplainedCondition{
			Condition: c.Field, Holds: c.Holds, Got: c.Got, Want: c.Want, By: c.By,
		})
	}
	return r
}

// refusal is an answer that tells of a mistake.
func refusal(status int, reason string) ExplainedAction {
	return ExplainedAction{Kind: "answer", Status: status, Reason: reason}
}

// reasonOf leaves out the field that an [*session.InvalidError] names.
func reasonOf(err error) string {
	if invalid, ok := errors.AsType[*session.InvalidError](err); ok {
		return invalid.Reason
	}
	return err.Error()
}

// explainer is a request that is looked at and not served.
type explainer struct {
	table   *route.Table
	request *http.Request
	facts   route.Request
	origin  origin
	// path and host as of an exchange, once rewritten.
	path, host string
}

// action follows [exchange.serve]; rule is nil if none takes the request.
func (x *explainer) action(rule *route.Rule) ExplainedAction {
	if rule == nil || rule.Default {
		if page, ok := x.pageOf(); ok {
			return page
		}
	}
	if rule == nil {
		return refusal(http.StatusNotFound, "no rule takes it")
	}
	if action, ok := rule.Action.(*route.Session); ok {
		return x.session(rule, action)
	}
	if refused, ok := x.rewrite(rule, x.facts.Path); !ok {
		return refused
	}
	x.facts.Path = x.path
	x.facts.Host = cmp.Or(x.host, x.facts.Host)
	switch action := rule.Action.(type) {
	case *route.Forward:
		return x.forward(action)
	case *route.Static:
		return ExplainedAction{Kind: "static", Files: action.Dir + action.S3, Path: x.facts.Path}
	case *route.Redirect:
		return x.redirect(action)
	case *route.FixedResponse:
		return ExplainedAction{Kind: "fixed_response", Status: action.StatusCode}
	default:
		return x.management(rule)
	}
}

// rewrite sets path and host as [exchange.rewriteTarget] does; false if the request
// is refused instead.
func (x *explainer) rewrite(rule *route.Rule, path string) (refused ExplainedAction, ok bool) {
	var pathErr, hostErr error
	x.path, pathErr = rule.RewritePath(path)
	x.host, hostErr = rule.RewriteHost(x.request.Host)
	switch err := errors.Join(pathErr, hostErr); {
	case err == nil:
		return ExplainedAction{}, true
	case errors.Is(err, route.ErrPathDotSegment):
		return refusal(http.StatusBadRequest, err.Error()), false
	default:
		return refusal(http.StatusInternalServerError, err.Error()), false
	}
}

// forward follows [exchange.serveForward].
func (x *explainer) forward(action *route.Forward) ExplainedAction {
	a := ExplainedAction{Kind: "forward", Path: x.facts.Path, Host: x.upstreamHost(action.Host != route.HostUpstream)}
	for _, g := range action.Groups {
		e := ExplainedGroup{Weight: g.Weight, Pool: g.Pool, Port: g.Port}
		if g.Upstream != nil {
			e.Name, e.Upstreams = g.Upstream.Name, slices.Clone(g.Upstream.URLs)
		}
		a.Groups = append(a.Groups, e)
	}
	if len(a.Groups) == 1 && a.Groups[0].Weight > 0 { // it gets every request
		only := a.Groups[0]
		a.Pool, a.Port, a.Upstreams, a.Groups = only.Pool, only.Port, only.Upstreams, nil
	}
	return a
}

// pageOf is the redirect below the prefix of the page that the request comes
// from, if there is one; see [exchange.followHint].
func (x *explainer) pageOf() (ExplainedAction, bool) {
	referer := x.request.Header.Get("Referer")
	if referer == "" || classify(x.request) == classUpgrade {
		return ExplainedAction{}, false
	}
	page, rule, ok := x.table.FromReferer(referer, &x.facts)
	if !ok || page.Prefix == "" {
		return ExplainedAction{}, false
	}
	return ExplainedAction{
		Kind: "answer", Status: http.StatusTemporaryRedirect, Location: withQuery(page.Prefix+x.facts.Path, x.facts.Query),
		Reason:  fmt.Sprintf("the Referer is a page of session %s (rule %s)", page.ID, rule),
		Session: &ExplainedSession{ID: page.ID, Prefix: page.Prefix},
	}, true
}

// session follows [exchange.serveSession] up to the look-up.
func (x *explainer) session(rule *route.Rule, action *route.Session) ExplainedAction {
	id, findings, ok := rule.ExplainIdentity(&x.facts)
	e := ExplainedAction{
		Kind: "session", Session: &ExplainedSession{ID: id.ID, Prefix: id.Prefix}, Pool: action.Pool, Port: rule.Port(action, id.Rest),
	}
	for _, f := range findings {
		e.Session.Sources = append(e.Session.Sources, ExplainedSource{Source: string(f.Source), Found: f.Found})
	}
	upgrade := classify(x.request) == classUpgrade
	switch {
	case !ok && action.UsesHint() && upgrade:
		e.Reason = "no source names a session; its dev server's token may, which is not known here"
		return e
	case !ok && action.UsesHint():
		if page, ok := x.pageOf(); ok {
			page.Session.Sources = e.Session.Sources
			return page
		}
		return x.nobody(e, "no source names a session, and neither does a Referer")
	case !ok:
		return x.nobody(e, "no source names a session")
	case id.Bare() && !upgrade:
		e.Kind, e.Status, e.Location = "answer", http.StatusPermanentRedirect, id.SlashLocation(x.facts.Query)
		e.Reason = "the path ends with the session's id: relative links would miss their prefix"
		return e
	}
	path := x.facts.Path
	if action.Prefix != route.PrefixKeep {
		path = cmp.Or(id.Rest, "/")
	}
	if refused, ok := x.rewrite(rule, path); !ok {
		return refused
	}
	switch parsed, err := session.ParseID(id.ID); {
	case err != nil:
		return x.nobody(e, fmt.Sprintf("%q is no session id", id.ID))
	case !action.AllowGuessable && !parsed.LooksRandom():
		return x.nobody(e, "the id can be guessed, and the rule has no allow_guessable")
	}
	e.Path, e.Host = x.path, x.upstreamHost(action.Host == route.HostPreserve)
	return e
}

// nobody is the answer where no session is named.
func (x *explainer) nobody(e ExplainedAction, reason string) ExplainedAction {
	e.Kind, e.Status, e.Reason = "answer", http.StatusNotFound, reason
	return e
}

func (x *explainer) redirect(action *route.Redirect) ExplainedAction {
	port, _ := strconv.Atoi(x.origin.port)
	location, err := action.Location(&x.facts, x.origin.scheme(), port)
	if err != nil {
		return refusal(http.StatusBadRequest, err.Error())
	}
	return ExplainedAction{Kind: "redirect", Status: action.Status(), Location: location}
}

func (x *explainer) management(rule *route.Rule) ExplainedAction {
	path, ok := rule.ManagementPath(x.facts.Path)
	if !ok {
		return refusal(http.StatusNotFound, "the path is none of the management API's")
	}
	return ExplainedAction{Kind: "management", Path: path}
}

// upstreamHost is the Host header that the upstream gets; empty for its own
// address.
func (x *explainer) upstreamHost(preserve bool) string {
	if x.host != "" {
		return x.host
	}
	if preserve {
		return x.request.Host
	}
	return ""
}

// withQuery puts the raw query behind the path.
func withQuery(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}
