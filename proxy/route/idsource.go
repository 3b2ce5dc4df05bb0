package route

import (
	"net/http"
	"slices"
	"strings"
)

// IDSource is a place where a request may name its session:
//
//	path                     the segment where the rule's path pattern has its first "*"
//	path:{thread}            the same, under another name than {id}
//	host:{id}.example.com    a part of a label of the host name, in lower case
//	header:X-Session-ID      a header that occurs once
//	header:X-Thread:{thread} the same, under another name than {id}
//	hint                     what the proxy learns otherwise (a websocket's token,
//	                         the Referer); always the last one
//
// What a source finds is called {id} unless the source gives it another name.
type IDSource string

const (
	// SourcePath is the default source.
	SourcePath IDSource = "path"
	// SourceHint lets the proxy ask elsewhere when the other sources found nothing.
	SourceHint IDSource = "hint"
)

// UsesHint reports whether a request without an id may be routed by a hint.
func (s *Session) UsesHint() bool { return slices.Contains(s.ID, SourceHint) }

// sourceKind is the part of an IDSource before its first colon.
type sourceKind string

const (
	kindPath   sourceKind = "path"
	kindHost   sourceKind = "host"
	kindHeader sourceKind = "header"
)

// source is a compiled IDSource, other than the hint.
type source struct {
	text   IDSource // as written
	kind   sourceKind
	value  int         // which of the identifier's variables it finds; not for kindHost
	paths  []idPath    // for kindPath
	host   hostPattern // for kindHost
	header string      // canonical name, for kindHeader
}

// idPath is one path pattern with an id in it.
type idPath struct {
	glob glob
	base string // what stands before the id; ends with "/"
}

func (s IDSource) split() (kind sourceKind, argument string) {
	k, argument, _ := strings.Cut(string(s), ":")
	return sourceKind(k), argument
}

// compileSource adds what s can find to the variables of d.
func (d *identifier) compileSource(s IDSource, path Patterns, m *mistakes) {
	kind, argument := s.split()
	src := source{text: s, kind: kind}
	variable := argument
	switch kind {
	case kindPath:
		src.paths = compileIDPaths(path, m)
	case kindHost:
		src.host = d.compileHostPattern(argument, m)
		d.sources = append(d.sources, src)
		return
	case kindHeader:
		src.header, variable, _ = strings.Cut(argument, ":")
		src.header = http.CanonicalHeaderKey(src.header)
		if src.header == "" || !consistsOf(src.header, tokenChars) || src.header == "Host" {
			m.add("session.id", "%q names no header that could hold an id", s)
		}
	default:
		m.add("session.id", "%q is none of path, host:PATTERN, header:NAME, hint", s)
		return
	}
	name := "id"
	if variable != "" {
		var ok bool
		if name, ok = variableName(variable); !ok {
			m.add("session.id", "%q: %q is no {name}", s, variable)
		}
	}
	src.value = d.variable(name)
	d.sources = append(d.sources, src)
}

// compileIDPaths finds where the patterns of the rule's path have the id.
func compileIDPaths(path Patterns, m *mistakes) []idPath {
	if len(path.Values) == 0 || len(path.Regex) > 0 {
		m.add("session.id", "path: the rule needs wildcard path patterns, such as /session/*, and no regular expressions")
	}
	var list []idPath
	for _, v := range path.Values {
		base, _, found := strings.Cut(v, "*")
		if !found || !strings.HasPrefix(base, "/") || !strings.HasSuffix(base, "/") ||
			strings.Contains(base, "?") || strings.Contains(base, "//") {
			m.add("session.id", "path: %q has no /* where the id could stand", v)
		}
		list = append(list, idPath{glob: newGlob(v, globOptions{}), base: base})
	}
	return list
}

// variableName takes the braces off "{name}".
func variableName(s string) (string, bool) {
	inner, ok := strings.CutPrefix(s, "{")
	if !ok {
		return "", false
	}
	inner, ok = strings.CutSuffix(inner, "}")
	return inner, ok && inner != "" && consistsOf(inner, alphanumeric+"_")
}
