package albimport

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
)

// Options say what [Documents.Convert] may do.
type Options struct {
	// Listener is the ARN, the end of it, or the port of the listener to convert. It
	// may be empty if there is one only, or one besides those that do nothing but
	// redirect to HTTPS.
	Listener string
	// DropAuthentication lets rules be carried over without the actions that
	// authenticate their requests: everybody gets what only some got.
	DropAuthentication bool
	// Drop lists the priorities ("default" for the default rule) of rules to leave
	// out: their requests take the next rule that fits.
	Drop []string
}

// converter is one conversion under way.
type converter struct {
	documents *Documents
	options   Options
	listener  *candidate
	result    *Result
	refused   RefusedError
	names     map[string]string // of target groups, by ARN
	dropped   map[string]bool   // of options.Drop, those that were found
}

// Convert makes the rules of one listener. Errors are a [*RefusedError], or say what
// the documents lack.
func (d *Documents) Convert(o Options) (*Result, error) {
	chosen, others, err := d.choose(o.Listener)
	if err != nil {
		return nil, err
	}
	c := &converter{
		documents: d, options: o, listener: chosen, result: &Result{Listener: chosen.listener(d)},
		names: map[string]string{}, dropped: map[string]bool{},
	}
	for _, other := range others {
		c.note(other.listener(d).String(), "is left out: it only redirects to HTTPS, as tls.redirect does")
	}
	if err := c.checkBalancers(); err != nil {
		return nil, err
	}
	c.mutualAuthentication()
	for _, r := range c.ruleDocuments() {
		c.rule(r)
	}
	for _, p := range o.Drop {
		if !c.dropped[p] {
			return nil, fmt.Errorf("there is no rule %s to leave out", p)
		}
	}
	if err := c.duplicates(); err != nil {
		return nil, err
	}
	if len(c.refused.Authentication)+len(c.refused.Rules) > 0 {
		return nil, &c.refused
	}
	slices.SortStableFunc(c.result.Rules, func(a, b Rule) int { return cmp.Compare(order(&a.Rule), order(&b.Rule)) })
	if n := len(c.result.Rules); n == 0 || !c.result.Rules[n-1].Default {
		c.note("default rule", "is in none of the files: requests that no rule takes get a 404")
	}
	if err := c.attributes(); err != nil {
		return nil, err
	}
	return c.result, c.upstreams()
}

func (c *converter) note(about, format string, args ...any) {
	c.result.Notes = append(c.result.Notes, Note{About: about, Text: fmt.Sprintf(format, args...)})
}

// checkBalancers: only application load balancers have such rules.
func (c *converter) checkBalancers() error {
	for _, b := range c.documents.balancers.items {
		if b.Type != "" && b.Type != "application" {
			return fmt.Errorf("%s is a %s load balancer; only application load balancers have rules", b.LoadBalancerName, b.Type)
		}
	}
	return nil
}

// mutualAuthentication is authentication of all requests of the listener.
func (c *converter) mutualAuthentication() {
	s := c.listener.shape
	if s == nil || s.MutualAuthentication.Mode == "" || s.MutualAuthentication.Mode == "off" {
		return
	}
	c.authentication(c.result.Listener.String(), "mutual TLS ("+s.MutualAuthentication.Mode+")")
}

// authentication is lost if that was agreed to.
func (c *converter) authentication(about, kind string) {
	if c.options.DropAuthentication {
		c.note(about, "%s is dropped, as asked: EVERYBODY gets what only some got", kind)
		return
	}
	c.refused.Authentication = append(c.refused.Authentication, about+": "+kind)
}

// ruleDocuments are the listener's rules, in ascending priority. Without a default
// rule among them the listener's own default actions are one.
func (c *converter) ruleDocuments() []ruleDocument {
	list := slices.Clone(c.listener.rules)
	slices.SortStableFunc(list, func(a, b ruleDocument) int { return cmp.Compare(a.number(), b.number()) })
	hasDefault := slices.ContainsFunc(list, func(r ruleDocument) bool { return r.isDefault() })
	if s := c.listener.shape; s != nil && !hasDefault && len(s.DefaultActions) > 0 {
		list = append(list, ruleDocument{ruleShape: ruleShape{IsDefault: true, Actions: s.DefaultActions}})
	}
	return list
}

// priority is the priority as text, "default" for the default rule.
func (r *ruleDocument) priority() string {
	if p := strings.Trim(string(r.Priority), `"`); p != "" && p != "null" && !r.IsDefault {
		return p
	}
	return "default"
}

func (r *ruleDocument) isDefault() bool { return r.priority() == "default" }

// number sorts rules; the default rule comes last.
func (r *ruleDocument) number() int {
	n, err := strconv.Atoi(r.priority())
	if err != nil {
		return route.MaxPriority + 1
	}
	return n
}

func order(r *route.Rule) int {
	if r.Default {
		return route.MaxPriority + 1
	}
	return r.Priority
}

// duplicates: two rules with one priority come from two states of the listener.
func (c *converter) duplicates() error {
	seen := map[int]string{}
	for _, r := range c.result.Rules {
		if other, ok := seen[order(&r.Rule)]; ok {
			return fmt.Errorf("%s is there twice: %s and %s", about(&r.Rule), other, r.ARN)
		}
		seen[order(&r.Rule)] = r.ARN
	}
	return nil
}

// about names a rule in notes.
func about(r *route.Rule) string {
	if r.Default {
		return "default rule"
	}
	return "rule " + strconv.Itoa(r.Priority)
}

// rule converts one rule, or says why it cannot be.
func (c *converter) rule(r ruleDocument) {
	if p := r.priority(); slices.Contains(c.options.Drop, p) {
		c.dropped[p] = true
		c.note("rule "+p, "is left out, as asked")
		return
	}
	rule := Rule{ARN: r.RuleArn, Rule: route.Rule{Default: r.isDefault()}}
	if !rule.Default {
		rule.Priority = r.number()
	}
	name := about(&rule.Rule)
	m := &ruleMaker{converter: c, rule: &rule, about: name}
	m.conditions(r.Conditions)
	if m.never && len(m.mistakes) == 0 {
		c.note(name, "is left out: no request can match its %s", fieldPath)
		return
	}
	m.actions(r.Actions)
	m.transforms(r.Transforms)
	if len(m.mistakes) == 0 {
		m.check()
	}
	for _, text := range m.mistakes {
		c.refused.Rules = append(c.refused.Rules, name+": "+text)
	}
	c.result.Rules = append(c.result.Rules, rule)
}

// ruleMaker makes one rule.
type ruleMaker struct {
	*converter
	rule     *Rule
	about    string
	mistakes []string
	// never tells that no request matches the rule's path patterns.
	never bool
}

func (m *ruleMaker) mistake(format string, args ...any) {
	m.mistakes = append(m.mistakes, fmt.Sprintf(format, args...))
}

func (m *ruleMaker) remark(format string, args ...any) { m.note(m.about, format, args...) }

// check holds the rule against what package route accepts. Addresses of target
// groups are no part of it.
func (m *ruleMaker) check() {
	rule := m.rule.Rule
	if f, ok := rule.Action.(*route.Forward); ok {
		groups := slices.Clone(f.Groups)
		for i := range groups {
			groups[i].Upstream = &route.Upstream{URLs: []string{"http://target"}}
		}
		rule.Action = &route.Forward{Groups: groups, Host: f.Host}
	}
	_, err := route.NewTable([]route.Rule{rule})
	if err == nil {
		return
	}
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		m.mistake("%v", err)
		return
	}
	for _, err := range list.Unwrap() {
		if e, ok := errors.AsType[*route.RuleError](err); ok {
			m.mistake("%s: %s", e.Field, e.Reason)
		}
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
