package route

import (
	"slices"
	"strings"
)

// Identity is what a request says about its session. The id is not checked: it is
// whatever the client wrote, and has to pass the rules for session ids before
// anything is looked up.
type Identity struct {
	ID string
	// Prefix is the part of the path that names the session, without a trailing
	// slash ("/session/demo"); "" if the path does not name it.
	Prefix string
	// Rest is the escaped path behind the prefix, "" or beginning with "/".
	Rest string
}

// Bare reports whether the path ends with the id. Relative links of the site
// would miss their prefix there: the answer is a 308 to [Identity.SlashLocation].
func (i Identity) Bare() bool { return i.Prefix != "" && i.Rest == "" }

// SlashLocation is where a bare path is sent: a path on the same host, with the
// raw query kept.
func (i Identity) SlashLocation(query string) string {
	location := i.Prefix + "/"
	if query != "" {
		location += "?" + escapeUnsafe(query, "#")
	}
	return location
}

// maxVariables bounds the names in the sources of one rule.
const maxVariables = 8

// values holds what the variables stand for in one request.
type values [maxVariables]string

// set keeps what an earlier source has found.
func (v *values) set(i int, s string) {
	if v[i] == "" {
		v[i] = s
	}
}

// identifier is the compiled identification of a rule with a Session action.
type identifier struct {
	variables []string
	sources   []source
	template  []templatePart
}

// templatePart is a variable, or text if variable is noVariable.
type templatePart struct {
	text     string
	variable int
}

func newIdentifier(s *Session, path Patterns, m *mistakes) *identifier {
	d := &identifier{}
	ids := s.ID
	if len(ids) == 0 {
		ids = []IDSource{SourcePath}
	}
	for i, id := range ids {
		if id != SourceHint {
			d.compileSource(id, path, m)
		} else if i < len(ids)-1 {
			m.add("session.id", "hint must be the last source")
		}
	}
	found := slices.Clone(d.variables)
	if len(found) > maxVariables {
		m.add("session.id", "more than %d names", maxVariables)
	}
	d.compileTemplate(s.Template, m)
	for _, part := range d.template {
		if part.variable >= len(found) && len(d.sources) > 0 {
			m.add("session.template", "no source finds {%s}", d.variables[part.variable])
		}
	}
	if len(d.sources) == 0 && s.Template != "" {
		m.add("session.template", "a hint is a whole id: no source finds parts of it")
	}
	return d
}

// variable returns the index of a name, which it adds if it is new.
func (d *identifier) variable(name string) int {
	if i := slices.Index(d.variables, name); i >= 0 {
		return i
	}
	d.variables = append(d.variables, name)
	return len(d.variables) - 1
}

func (d *identifier) compileTemplate(template string, m *mistakes) {
	if template == "" {
		template = "{id}"
	}
	variables := 0
	for rest := template; rest != ""; {
		text, after, open := strings.Cut(rest, "{")
		if text != "" {
			d.template = append(d.template, templatePart{text: text, variable: noVariable})
		}
		if !open {
			break
		}
		inner, after, closed := strings.Cut(after, "}")
		name, ok := variableName("{" + inner + "}")
		if !closed || !ok {
			m.add("session.template", "%q: {%s is no {name}", template, inner)
			return
		}
		d.template = append(d.template, templatePart{variable: d.variable(name)})
		variables++
		rest = after
	}
	if variables == 0 {
		m.add("session.template", "%q holds no {name}: all sessions would be one", template)
	}
}

// Identify finds the session that req names. The sources are tried in their
// order until the template is complete; the first that finds a name counts. False
// means that the request names no session (a rule with a hint may know more),
// or that the rule's action is none for sessions.
func (r *Rule) Identify(req *Request) (Identity, bool) {
	d := r.identifier
	if d == nil {
		return Identity{}, false
	}
	id := Identity{Rest: req.Path}
	var found values
	for i := range d.sources {
		d.sources[i].find(req, &found, &id)
		if d.complete(&found) {
			id.ID = d.build(&found)
			return id, true
		}
	}
	return Identity{}, false
}

// Client returns what the sources find for {client}; "" if there is no such name in
// them, or in the request.
func (r *Rule) Client(req *Request) string {
	if r.identifier == nil {
		return ""
	}
	at := slices.Index(r.identifier.variables, "client")
	if at < 0 {
		return ""
	}
	var found values
	var id Identity
	for i := range r.identifier.sources {
		r.identifier.sources[i].find(req, &found, &id)
	}
	return found[at]
}

func (s *source) find(req *Request, found *values, id *Identity) {
	switch s.kind {
	case kindPath:
		s.findPath(req.Path, found, id)
	case kindHost:
		host, _ := splitHost(req.Host)
		s.host.find(host, found)
	case kindHeader:
		if v := req.Header[s.header]; len(v) == 1 {
			found.set(s.value, v[0])
		}
	}
}

// findPath takes the segment behind the base of the first pattern that matches,
// decoded; see [decodeSegment].
func (s *source) findPath(path string, found *values, id *Identity) {
	for i := range s.paths {
		p := &s.paths[i]
		if !p.glob.match(path) {
			continue
		}
		segment := path[len(p.base):]
		if slash := strings.IndexByte(segment, '/'); slash >= 0 {
			segment = segment[:slash]
		}
		name, ok := decodeSegment(segment)
		if !ok {
			return
		}
		found.set(s.value, name)
		end := len(p.base) + len(segment)
		id.Prefix, id.Rest = path[:end], path[end:]
		return
	}
}

// escapedInIDs are the characters of session ids that encodeURIComponent escapes; "#"
// cannot stand in a path otherwise.
const escapedInIDs = "#@:"

// decodeSegment decodes the segment of a path that names a session, once. Any
// other escape than those that ids need is refused: an encoded slash would make
// two readers see two ids, and so would an encoded percent sign.
func decodeSegment(segment string) (id string, ok bool) {
	if segment == "" || strings.IndexByte(segment, '\\') >= 0 {
		return "", false
	}
	at := strings.IndexByte(segment, '%')
	if at < 0 {
		return segment, true
	}
	b := make([]byte, 0, len(segment))
	for ; at >= 0; at = strings.IndexByte(segment, '%') {
		if len(segment) < at+3 || !isHex(segment[at+1]) || !isHex(segment[at+2]) {
			return "", false
		}
		c := unhex(segment[at+1])<<4 | unhex(segment[at+2])
		if strings.IndexByte(escapedInIDs, c) < 0 {
			return "", false
		}
		b = append(append(b, segment[:at]...), c)
		segment = segment[at+3:]
	}
	return string(append(b, segment...)), true
}

func (d *identifier) complete(found *values) bool {
	for _, part := range d.template {
		if part.variable != noVariable && found[part.variable] == "" {
			return false
		}
	}
	return true
}

func (d *identifier) build(found *values) string {
	if len(d.template) == 1 {
		return found[d.template[0].variable]
	}
	var b strings.Builder
	for _, part := range d.template {
		if part.variable == noVariable {
			b.WriteString(part.text)
		} else {
			b.WriteString(found[part.variable])
		}
	}
	return b.String()
}
