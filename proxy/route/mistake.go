package route

import "fmt"

// RuleError is one mistake in one rule. [NewTable] reports all of them, joined.
type RuleError struct {
	Index  int    // place of the rule in the slice given to NewTable
	Rule   string // its priority, or "default"
	Field  string // for example "path" or "redirect.port"
	Reason string
}

// Error says which rule, which field and why.
func (e *RuleError) Error() string {
	return fmt.Sprintf("rule %s: %s: %s", e.Rule, e.Field, e.Reason)
}

// mistakes collects what is wrong with one rule.
type mistakes struct {
	index int
	rule  string
	errs  []error
}

func (m *mistakes) add(field, format string, args ...any) {
	m.errs = append(m.errs, &RuleError{
		Index: m.index, Rule: m.rule, Field: field, Reason: fmt.Sprintf(format, args...),
	})
}
