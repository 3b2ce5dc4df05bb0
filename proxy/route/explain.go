package route

import "slices"

// Verdict says why a rule took a request or did not.
type Verdict struct {
	Rule    *Rule
	Matched bool
	// Field, Got and Want describe the first condition that does not hold; empty
	// if the rule matched. A header's field is "header NAME".
	Field string
	Got   []string // what the request has; empty if it has nothing
	Want  []string // the condition's values; regular expressions stand in slashes
}

// Explain tries the rules as [Table.Match] does and tells of each that it looked
// at. Only the last verdict can be a match.
func (t *Table) Explain(req *Request) []Verdict {
	var list []Verdict
	for i := range t.rules {
		r := &t.rules[i]
		c := r.failing(req)
		if c == nil {
			return append(list, Verdict{Rule: r, Matched: true})
		}
		list = append(list, Verdict{Rule: r, Field: c.name(), Got: c.got(req), Want: slices.Clone(c.want)})
	}
	return list
}

func (c *condition) name() string {
	if c.field == fieldHeader {
		return "header " + c.header
	}
	return string(c.field)
}

// got returns what the request offers to the condition.
func (c *condition) got(r *Request) []string {
	one := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	switch c.field {
	case fieldPath:
		return one(r.Path)
	case fieldHost:
		return one(r.Host)
	case fieldMethod:
		return one(r.Method)
	case fieldHeader:
		return slices.Clone(r.Header[c.header])
	case fieldQuery:
		return one(r.Query)
	default:
		if !r.Peer.IsValid() {
			return nil
		}
		return one(r.Peer.String())
	}
}
