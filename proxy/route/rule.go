package route

import "strconv"

// MaxPriority is the largest priority of a rule, as for an ALB; the smallest is 1.
const MaxPriority = 50000

// Rule is a listener rule. Rules that a [Table] hands out are shared: they must
// not be changed.
type Rule struct {
	// Priority is 1 to MaxPriority, unique, lowest first; 0 in the default rule.
	Priority int
	// Default marks the rule for requests that no other rule takes.
	Default bool
	// Name, optional and unique, stands for the rule in logs and metrics.
	Name string
	// Conditions must all hold. Every rule but the default one has at least one.
	Conditions Conditions
	// Action is what happens to a request that takes this rule.
	Action Action
	// Compress has text from upstreams coded with gzip for clients that take it.
	Compress bool
	// Rewrite, ResponseHeaders and Limits are optional, with any action.
	Rewrite         Rewrite
	ResponseHeaders ResponseHeaders
	Limits          Limits

	index       int
	place       string // describePlace, made once
	compiled    []condition
	identifier  *identifier // nil unless Action is a *Session
	pathRewrite *replacer   // nil for none, as hostRewrite and headerEdits
	hostRewrite *replacer
	headerEdits *headerEdits
	ports       []portGlob // of a *Session
	// managementBase stands before the API's path, of a *Management.
	managementBase string
}

// Conditions of a rule; all that are present must hold.
type Conditions struct {
	// Path is compared with the escaped path, case-sensitively.
	Path Patterns
	// Host is compared with the Host header without its port, case-insensitively.
	// Its regular expressions may also match host and port together.
	Host Patterns
	// Methods are compared exactly; custom methods are allowed.
	Methods []string
	// Headers must each hold.
	Headers []HeaderCondition
	// Queries must each hold.
	Queries []QueryCondition
	// SourceIPs are prefixes in CIDR notation, compared with [Request].Peer.
	SourceIPs []string
}

func (c *Conditions) any() bool {
	return !c.Path.empty() || !c.Host.empty() || len(c.Methods) > 0 ||
		len(c.Headers) > 0 || len(c.Queries) > 0 || len(c.SourceIPs) > 0
}

// Patterns hold if one of their values matches.
type Patterns struct {
	// Values are wildcard patterns over the whole text: "*" is any run of
	// characters, "/" included, "?" exactly one.
	Values []string
	// Regex are RE2 expressions, not anchored. In hosts and headers they ignore case.
	Regex []string
}

func (p Patterns) empty() bool { return len(p.Values) == 0 && len(p.Regex) == 0 }

// HeaderCondition holds if one of the header's values matches, ignoring case.
// A header that is absent matches nothing.
type HeaderCondition struct {
	Name string
	Patterns
}

// QueryCondition holds if one of its pairs is in the query string.
type QueryCondition struct {
	Pairs []QueryPair
}

// QueryPair is a pair of wildcard patterns, compared with the raw (encoded) query
// string ignoring case. "\*" and "\?" stand for the characters themselves.
type QueryPair struct {
	Key   string // "" stands for any key
	Value string
}

// Index is the rule's place in its table, from 0: the default rule has the
// highest. It serves to keep something of one's own for each rule in a slice.
func (r *Rule) Index() int { return r.index }

// String names the rule for people, logs and metrics: its name, else its
// priority, else "default".
func (r *Rule) String() string {
	if r.Name != "" {
		return r.Name
	}
	if r.place != "" {
		return r.place
	}
	return r.describePlace()
}

// describePlace is the priority in words.
func (r *Rule) describePlace() string {
	if r.Default {
		return "default"
	}
	return strconv.Itoa(r.Priority)
}

// failing returns the first condition that does not hold, nil if all do.
func (r *Rule) failing(req *Request) *condition {
	for i := range r.compiled {
		if !r.compiled[i].holds(req) {
			return &r.compiled[i]
		}
	}
	return nil
}
