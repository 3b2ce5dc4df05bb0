package route

import "slices"

// Verdict says why a rule took a request or did not.
type Verdict struct {
	Rule    *Rule
	Matched bool
	// Checks are the conditions that were looked at, in their order. Unless the
	// rule matched, the last of them is the one that does not hold; those behind
	// it were not looked at.
	Checks []Check
}

// Check is one condition of a rule, held against a request.
type Check struct {
	// Field is path, host, method, query, source_ip, or "header NAME".
	Field string
	Holds bool
	Got   []string // what the request has; empty if it has nothing
	Want  []string // the condition's values; regular expressions stand in slashes
	By    string   // the first of Want that matches; "" unless Holds
}

// Explain tries the rules as [Table.Match] does and tells of each that it looked
// at. Only the last verdict can be a match.
func (t *Table) Explain(req *Request) []Verdict {
	var list []Verdict
	for i := range t.rules {
		v := t.rules[i].explain(req)
		list = append(list, v)
		if v.Matched {
			break
		}
	}
	return list
}

func (r *Rule) explain(req *Request) Verdict {
	v := Verdict{Rule: r, Matched: true}
	for i := range r.compiled {
		c := &r.compiled[i]
		check := Check{Field: c.name(), Got: c.got(req), Want: slices.Clone(c.want)}
		check.By, check.Holds = c.witness(req)
		v.Checks = append(v.Checks, check)
		if v.Matched = check.Holds; !v.Matched {
			break
		}
	}
	return v
}

// witness returns the first value by which c holds; false if it does not.
func (c *condition) witness(r *Request) (value string, ok bool) {
	for i, want := range c.want {
		if one := c.only(i); one.holds(r) {
			return want, true
		}
	}
	return "", false
}

// only is c with nothing but the value that is written at c.want[i].
func (c *condition) only(i int) condition {
	one := condition{field: c.field, header: c.header, want: c.want[i : i+1]}
	switch {
	case len(c.pairs) > 0:
		one.pairs = c.pairs[i : i+1]
	case len(c.prefixes) > 0:
		one.prefixes = c.prefixes[i : i+1]
	case i < len(c.globs):
		one.globs = c.globs[i : i+1]
	case len(c.regexes) > 0:
		one.regexes = c.regexes[i-len(c.globs) : i-len(c.globs)+1]
	}
	return one
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
