package prefix

import (
	"bytes"
)

// rawUse is what is done with the text of an element that holds no markup.
type rawUse uint8

const (
	rawPass rawUse = iota
	rawCSS
	rawImportMap
	rawMarkup // noscript: text to a browser with scripting, markup to one without
)

// rawText finds the end of raw text (WHATWG HTML 13.2.5.2 to 13.2.5.31). It keeps its place, so that long
// text is read once.
type rawText struct {
	name   string
	use    rawUse
	pos    int   // what stands before it is known to be content
	escape uint8 // script only: 1 inside of "<!--", 2 inside of a <script> in there
}

// find goes on reading data, which begins with the first byte not yet consumed. It returns how much of it
// is content for certain, and whether the end tag follows there.
func (r *rawText) find(data []byte, final bool) (content int, ended bool) {
	for r.pos < len(data) {
		rest := data[r.pos:]
		skip := bytes.IndexByte(rest, '<')
		if r.escape > 0 {
			skip = bytes.IndexAny(rest, "<-")
		}
		if skip < 0 {
			r.pos = len(data)
			break
		}
		r.pos += skip
		n, state := r.mark(data[r.pos:])
		if state == markPartial && !final {
			return r.pos, false
		}
		if state == markEnd {
			return r.pos, true
		}
		r.pos += max(n, 1)
	}
	return r.pos, false
}

type markState uint8

const (
	markNone markState = iota
	markPartial
	markEnd
)

// mark looks at a '<' or '-' and returns how many bytes to step over.
func (r *rawText) mark(data []byte) (int, markState) {
	if data[0] == '-' {
		return r.dashes(data)
	}
	switch tagNamed(data, "</", r.name) {
	case markEnd:
		if r.escape == 2 {
			r.escape = 1
			return len("</script"), markNone
		}
		return 0, markEnd
	case markPartial:
		return 1, markPartial
	}
	if r.name != "script" || r.escape == 2 {
		return 1, markNone
	}
	if r.escape == 1 {
		switch tagNamed(data, "<", "script") {
		case markEnd:
			r.escape = 2
			return len("<script"), markNone
		case markPartial:
			return 1, markPartial
		}
		return 1, markNone
	}
	if isBeginOf(data, "<!--") {
		return 1, markPartial
	}
	if bytes.HasPrefix(data, []byte("<!--")) {
		r.escape = 1
		return len("<!"), markNone
	}
	return 1, markNone
}

// dashes looks for the "-->" that ends the escaped part of a script.
func (r *rawText) dashes(data []byte) (int, markState) {
	if bytes.HasPrefix(data, []byte("-->")) {
		r.escape = 0
		return len("-->"), markNone
	}
	if isBeginOf(data, "-->") {
		return 1, markPartial
	}
	return 1, markNone
}

// isBeginOf reports whether data is all that has come of text so far.
func isBeginOf(data []byte, text string) bool {
	return len(data) < len(text) && text[:len(data)] == string(data)
}

// letter is the byte at i of open and name behind each other.
func letter(open, name string, i int) byte {
	if i < len(open) {
		return open[i]
	}
	return name[i-len(open)]
}

// tagNamed reports whether data begins with a tag of that name (markEnd), or may once more has come (markPartial).
func tagNamed(data []byte, open, name string) markState {
	n := len(open) + len(name)
	for i := range min(len(data), n) {
		if lower(data[i]) != letter(open, name, i) {
			return markNone
		}
	}
	if len(data) <= n {
		return markPartial
	}
	if c := data[n]; c == '/' || c == '>' || isSpace(c) {
		return markEnd
	}
	return markNone
}
