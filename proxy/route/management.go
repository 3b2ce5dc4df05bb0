package route

import "strings"

// managementPath is where the management API's own paths begin.
const managementPath = "/api/sessions"

// Management hands the request to the management API.
type Management struct {
	// Base is what stands before the API's own path /api/sessions, without a slash
	// at its end: "/hermes" for /hermes/api/sessions/*. Empty means what the rule's
	// path patterns have there; nothing where they leave it open.
	Base string
}

// compileManagement finds the base.
func (r *Rule) compileManagement(a *Management, m *mistakes) {
	r.managementBase = a.Base
	if a.Base != "" {
		if first(a.Base) != '/' || strings.HasSuffix(a.Base, "/") || !consistsOf(a.Base, pathChars) || strings.ContainsAny(a.Base, "*?") {
			m.add("management.base", "%q is no path such as /hermes", a.Base)
		}
		return
	}
	for i, pattern := range r.Conditions.Path.Values {
		base, ok := patternBase(pattern)
		switch {
		case strings.IndexByte("/*?", first(pattern)) < 0: // no path; see compilePath
		case !ok:
			m.add("management.base", "is needed: the path %q does not show what stands before %s", pattern, managementPath)
		case i > 0 && base != r.managementBase:
			m.add("management.base", "the rule's paths have several; make a rule for each")
		}
		r.managementBase = base
	}
}

// patternBase returns what stands before the API's path in a wildcard pattern.
func patternBase(pattern string) (base string, ok bool) {
	literal := pattern
	if i := strings.IndexAny(pattern, "*?"); i >= 0 {
		literal = pattern[:i]
	}
	if i := strings.Index(literal, managementPath); i >= 0 {
		return literal[:i], true
	}
	return "", strings.HasPrefix(managementPath, literal)
}

// ManagementPath returns the path by which the management API knows the call; false
// if the path is none of the API's.
func (r *Rule) ManagementPath(path string) (string, bool) {
	own, ok := strings.CutPrefix(path, r.managementBase)
	rest, isAPI := strings.CutPrefix(own, managementPath)
	return own, ok && isAPI && (rest == "" || rest[0] == '/')
}
