package route

import "strings"

// anyByte stands for "?" in a compiled pattern. Patterns hold no control
// characters, so it cannot collide with a literal.
const anyByte = '\x00'

// glob is a compiled wildcard pattern: "*" is any run of bytes, "/" included,
// "?" is exactly one byte, and the pattern covers the whole text. Matching
// never backtracks: for a given pattern it is linear in the length of the text.
type glob struct {
	first  string // what stands before the first star
	middle []part // what stands between stars
	last   string // what stands behind the last star
	star   bool   // there is one; else first is the whole pattern
	fold   bool   // compare ASCII letters without regard to case
	plain  bool   // neither fold nor "?": parts compare byte for byte
	min    int    // length of the shortest text that can match
}

// part is a text to be found. Its anchor is the byte that is looked for first: one
// that is rare in paths, where slashes abound and nearly all parts begin with one.
type part struct {
	text   string
	anchor int
}

func newPart(text string) part {
	anchor := strings.LastIndexAny(text, "-_.~@%")
	if anchor < 0 {
		anchor = max(len(strings.TrimRight(text, "/"))-1, 0)
	}
	return part{text: text, anchor: anchor}
}

// globOptions say how a condition reads its patterns.
type globOptions struct {
	fold   bool
	escape bool // "\*", "\?" and "\\" are literals
}

func newGlob(pattern string, o globOptions) glob {
	g := glob{fold: o.fold, plain: !o.fold}
	var parts []string
	var text []byte // since the last star
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '*':
			parts = append(parts, string(text))
			text = text[:0]
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
		text = append(text, c)
		g.min++
	}
	if len(parts) == 0 {
		g.first = string(text)
		return g
	}
	g.star = true
	g.first, g.last = parts[0], string(text)
	for _, p := range parts[1:] {
		if p != "" {
			g.middle = append(g.middle, newPart(p))
		}
	}
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
	for _, p := range g.middle {
		i := g.index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p.text):]
	}
	return true
}

// begins reports whether text stands at the start of s, which is long enough.
func (g *glob) begins(s, text string) bool {
	if g.plain {
		return s[:len(text)] == text
	}
	for i := range len(text) {
		c := s[i]
		if g.fold {
			c = lower(c)
		}
		if text[i] != c && text[i] != anyByte {
			return false
		}
	}
	return true
}

// index is the first place of p in s, -1 if there is none.
func (g *glob) index(s string, p part) int {
	for start := 0; start+len(p.text) <= len(s); start++ {
		if g.plain {
			i := strings.IndexByte(s[start+p.anchor:], p.text[p.anchor])
			if i < 0 || start+i+len(p.text) > len(s) {
				return -1
			}
			start += i
		}
		if g.begins(s[start:], p.text) {
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
