package route

import "strings"

// anyByte stands for "?" in a compiled pattern. Patterns hold no control
// characters, so it cannot collide with a literal.
const anyByte = '\x00'

// glob is a compiled wildcard pattern: "*" is any run of bytes, "/" included,
// "?" is exactly one byte, and the pattern covers the whole text. Matching
// never backtracks: for a given pattern it is linear in the length of the text.
type glob struct {
	first  string   // what stands before the first star
	middle []string // what stands between stars
	last   string   // what stands behind the last star
	star   bool     // there is one; else first is the whole pattern
	fold   bool     // compare ASCII letters without regard to case
	plain  bool     // neither fold nor "?": parts compare byte for byte
	min    int      // length of the shortest text that can match
}

// globOptions say how a condition reads its patterns.
type globOptions struct {
	fold   bool
	escape bool // "\*", "\?" and "\\" are literals
}

func newGlob(pattern string, o globOptions) glob {
	g := glob{fold: o.fold, plain: !o.fold}
	var parts []string
	var part []byte
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '*':
			parts = append(parts, string(part))
			part = part[:0]
			continue
		case c == '?':
			c = anyByte
			g.plain = false
		case c == '\\' && o.escape && i+1 < len(pattern) && strings.IndexByte(`*?\`, pattern[i+1]) >= 0:
			i++
			c = pattern[i]
		case o.fold:
			c = lower(c)
		}
		part = append(part, c)
		g.min++
	}
	if len(parts) == 0 {
		g.first = string(part)
		return g
	}
	g.star = true
	g.first, g.middle, g.last = parts[0], parts[1:], string(part)
	return g
}

func (g *glob) match(s string) bool {
	if !g.star {
		return len(s) == g.min && g.begins(s, g.first)
	}
	if len(s) < g.min || !g.begins(s, g.first) || !g.begins(s[len(s)-len(g.last):], g.last) {
		return false
	}
	// The leftmost place of each part leaves the most room for those after it.
	s = s[len(g.first) : len(s)-len(g.last)]
	for _, part := range g.middle {
		i := g.index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

// begins reports whether part stands at the start of s, which is long enough.
func (g *glob) begins(s, part string) bool {
	if g.plain {
		return s[:len(part)] == part
	}
	for i := range len(part) {
		c := s[i]
		if g.fold {
			c = lower(c)
		}
		if part[i] != c && part[i] != anyByte {
			return false
		}
	}
	return true
}

func (g *glob) index(s, part string) int {
	if g.plain {
		return indexLiteral(s, part)
	}
	for i := 0; i+len(part) <= len(s); i++ {
		if g.begins(s[i:], part) {
			return i
		}
	}
	return -1
}

// indexLiteral is strings.Index for URLs: it looks for the last byte of part that
// is no slash. Nearly all parts begin with a slash and slashes abound in a path,
// which makes strings.Index stop often.
func indexLiteral(s, part string) int {
	anchor := len(strings.TrimRight(part, "/")) - 1
	if anchor < 0 {
		return strings.Index(s, part)
	}
	for start := 0; start+len(part) <= len(s); start++ {
		i := strings.IndexByte(s[start+anchor:], part[anchor])
		if i < 0 {
			return -1
		}
		start += i
		if strings.HasPrefix(s[start:], part) {
			return start
		}
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
