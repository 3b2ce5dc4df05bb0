package route

import (
	"cmp"
	"slices"
)

// PathPort sends the paths of a session's site that match to another port of its
// task.
type PathPort struct {
	// Pattern is a wildcard pattern over the escaped path behind the prefix that
	// names the session.
	Pattern string
	Port    int
}

// portGlob is a compiled PathPort.
type portGlob struct {
	glob glob
	port int
}

// compilePorts puts longer patterns first: those that say more.
func (r *Rule) compilePorts(s *Session, m *mistakes) {
	list := slices.Clone(s.Ports)
	slices.SortStableFunc(list, func(a, b PathPort) int { return cmp.Compare(len(b.Pattern), len(a.Pattern)) })
	for _, p := range list {
		if first(p.Pattern) != '/' || !consistsOf(p.Pattern, pathChars) {
			m.add("session.ports", "%q is no path such as /api/*", p.Pattern)
		}
		checkPort("session.ports", p.Port, m)
		r.ports = append(r.ports, portGlob{newGlob(p.Pattern, globOptions{}), p.Port})
	}
}

// Port returns which port of the session's task serves the path behind its prefix,
// 0 for the main one. A rule that names a port means it for all paths.
func (r *Rule) Port(s *Session, path string) int {
	if s.Port != 0 {
		return s.Port
	}
	for i := range r.ports {
		if r.ports[i].glob.match(path) {
			return r.ports[i].port
		}
	}
	return 0
}
