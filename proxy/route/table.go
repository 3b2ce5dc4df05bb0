package route

import (
	"cmp"
	"errors"
	"iter"
	"slices"
)

// Table is an immutable set of rules in the order in which they are tried. It is
// safe for concurrent use.
type Table struct {
	rules []Rule
}

// NewTable compiles rules, given in any order. All mistakes are reported at
// once: errors.Join of a [*RuleError] each. A table without a default rule is
// allowed; an empty table takes no request. The actions are shared with the
// caller, who must not change them any more.
func NewTable(rules []Rule) (*Table, error) {
	var errs []error
	t := &Table{rules: slices.Clone(rules)}
	seen := map[string]bool{}
	for i := range t.rules {
		r := &t.rules[i]
		r.place = r.describePlace()
		m := &mistakes{index: i, rule: r.place}
		r.checkPlace(seen, m)
		r.compiled = compileConditions(r.Conditions, m)
		r.compileAction(m)
		r.compileRewrite(m)
		r.compileResponseHeaders(m)
		r.Limits.check(r.Action, m)
		errs = append(errs, m.errs...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortFunc(t.rules, func(a, b Rule) int {
		return cmp.Compare(a.order(), b.order())
	})
	for i := range t.rules {
		t.rules[i].index = i
	}
	return t, nil
}

// checkPlace checks what a rule needs whatever its conditions and action are.
// Seen holds the places and names of the rules before it.
func (r *Rule) checkPlace(seen map[string]bool, m *mistakes) {
	switch {
	case r.Default && r.Priority != 0:
		m.add("priority", "the default rule has none")
	case !r.Default && (r.Priority < 1 || r.Priority > MaxPriority):
		m.add("priority", "must be 1 to %d", MaxPriority)
	case seen[r.place]:
		m.add("priority", "used by another rule")
	}
	seen[r.place] = true

	if name := "name " + r.Name; r.Name != "" {
		if seen[name] {
			m.add("name", "%q is used by another rule", r.Name)
		}
		seen[name] = true
	}
	switch hasConditions := r.Conditions.any(); {
	case r.Default && hasConditions:
		m.add("default", "the default rule has no conditions")
	case !r.Default && !hasConditions:
		m.add("conditions", "there are none; a rule for all requests is the default rule")
	}
}

// order is the priority, with the default rule behind all others.
func (r *Rule) order() int {
	if r.Default {
		return MaxPriority + 1
	}
	return r.Priority
}

// Match returns the rule that req takes; false if there is none, which a table
// with a default rule never says. It does not allocate.
func (t *Table) Match(req *Request) (*Rule, bool) {
	for i := range t.rules {
		if t.rules[i].failing(req) == nil {
			return &t.rules[i], true
		}
	}
	return nil, false
}

// Len is the number of rules.
func (t *Table) Len() int { return len(t.rules) }

// Rules yields the rules in the order in which they are tried.
func (t *Table) Rules() iter.Seq[*Rule] {
	return func(yield func(*Rule) bool) {
		for i := range t.rules {
			if !yield(&t.rules[i]) {
				return
			}
		}
	}
}
