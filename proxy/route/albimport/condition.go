package albimport

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
)

// The values of a condition's Field.
const (
	fieldPath   = "path-pattern"
	fieldHost   = "host-header"
	fieldMethod = "http-request-method"
	fieldSource = "source-ip"
	fieldHeader = "http-header"
	fieldQuery  = "query-string"
)

func (m *ruleMaker) conditions(list []json.RawMessage) {
	seen := map[string]bool{}
	for _, raw := range list {
		var c conditionShape
		if err := strict(raw, &c); err != nil {
			m.mistake("a condition cannot be read: %v", err)
			continue
		}
		once := c.Field != fieldHeader && c.Field != fieldQuery
		if once && seen[c.Field] {
			m.mistake("has two conditions %s; an ALB allows one", c.Field)
			continue
		}
		seen[c.Field] = true
		m.condition(&c)
	}
}

func (m *ruleMaker) condition(c *conditionShape) {
	to := &m.rule.Conditions
	switch c.Field {
	case fieldPath:
		to.Path = m.values(c, c.PathPatternConfig)
		m.dropPathsThatNeverMatch()
	case fieldHost:
		to.Host = m.values(c, c.HostHeaderConfig)
	case fieldMethod:
		to.Methods = m.plain(c, c.HttpRequestMethodConfig)
	case fieldSource:
		to.SourceIPs = m.plain(c, c.SourceIpConfig)
	case fieldHeader:
		m.header(c)
	case fieldQuery:
		m.query(c)
	default:
		m.mistake("the condition %q is not known here", c.Field)
	}
}

// values merges the two places in which the API repeats a condition's values.
func (m *ruleMaker) values(c *conditionShape, config *valuesShape) route.Patterns {
	p := route.Patterns{Values: c.Values, Regex: c.RegexValues}
	if config != nil {
		p.Values = union(p.Values, config.Values)
		p.Regex = union(p.Regex, config.RegexValues)
	}
	if len(p.Values)+len(p.Regex) == 0 {
		m.mistake("the condition %s has no values", c.Field)
	}
	return p
}

// plain is values for conditions that know no regular expressions.
func (m *ruleMaker) plain(c *conditionShape, config *valuesShape) []string {
	p := m.values(c, config)
	if len(p.Regex) > 0 {
		m.mistake("the condition %s has regular expressions, which it cannot have", c.Field)
	}
	return p.Values
}

func (m *ruleMaker) header(c *conditionShape) {
	h := c.HttpHeaderConfig
	if h == nil {
		m.mistake("the condition %s has no HttpHeaderConfig", c.Field)
		return
	}
	p := m.values(c, &valuesShape{Values: h.Values, RegexValues: h.RegexValues})
	m.rule.Conditions.Headers = append(m.rule.Conditions.Headers, route.HeaderCondition{Name: h.HttpHeaderName, Patterns: p})
}

func (m *ruleMaker) query(c *conditionShape) {
	if c.QueryStringConfig == nil || len(c.QueryStringConfig.Values) == 0 || len(c.RegexValues)+len(c.Values) > 0 {
		m.mistake("the condition %s must have pairs in QueryStringConfig, and nothing else", c.Field)
		return
	}
	var q route.QueryCondition
	for _, v := range c.QueryStringConfig.Values {
		q.Pairs = append(q.Pairs, route.QueryPair(v))
	}
	m.rule.Conditions.Queries = append(m.rule.Conditions.Queries, q)
}

// dropPathsThatNeverMatch leaves out patterns that do not begin as paths do.
func (m *ruleMaker) dropPathsThatNeverMatch() {
	p := &m.rule.Conditions.Path
	had := len(p.Values)
	p.Values = slices.DeleteFunc(slices.Clone(p.Values), func(v string) bool {
		never := v == "" || strings.IndexByte("/*?", v[0]) < 0
		if never {
			m.remark("the path pattern %q is left out: it never matches, since a path begins with /", v)
		}
		return never
	})
	m.never = had > 0 && len(p.Values)+len(p.Regex) == 0
}

// union is a and what b has besides, without repetitions, in their order.
func union(a, b []string) []string {
	var list []string
	for _, v := range slices.Concat(a, b) {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}
