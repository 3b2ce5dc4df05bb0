package prefix

import "slices"

// element is a tag name that this package tells apart from others.
type element uint8

const (
	otherElement element = iota
	astroIsland
	astroSlot
	elBase
	elHead
	elHTML
	elIframe
	elLink
	elMath
	elMeta
	elNoembed
	elNoframes
	elNoscript
	elObject
	elPlaintext
	elScript
	elStyle
	elSVG
	elTextarea
	elTitle
	elXmp
	svgDesc
	svgForeignObject
	breakout // an HTML element that closes <svg> and <math> (WHATWG HTML 13.2.6.5)
)

// elementOf returns the element of a tag name in any letter case.
func elementOf(name []byte) element {
	var buf [16]byte
	switch string(lowered(buf[:], name)) {
	case "astro-island":
		return astroIsland
	case "astro-slot":
		return astroSlot
	case "base":
		return elBase
	case "head":
		return elHead
	case "html":
		return elHTML
	case "iframe":
		return elIframe
	case "link":
		return elLink
	case "math":
		return elMath
	case "meta":
		return elMeta
	case "noembed":
		return elNoembed
	case "noframes":
		return elNoframes
	case "noscript":
		return elNoscript
	case "object":
		return elObject
	case "plaintext":
		return elPlaintext
	case "script":
		return elScript
	case "style":
		return elStyle
	case "svg":
		return elSVG
	case "textarea":
		return elTextarea
	case "title":
		return elTitle
	case "xmp":
		return elXmp
	case "desc":
		return svgDesc
	case "foreignobject":
		return svgForeignObject
	case "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed",
		"h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "listing", "menu", "nobr", "ol", "p", "pre",
		"ruby", "s", "small", "span", "strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var":
		return breakout
	}
	return otherElement
}

// rawName returns the name whose end tag ends the text behind a start tag of e, or "" if that text is
// ordinary markup.
func (e element) rawName() string {
	switch e {
	case elIframe:
		return "iframe"
	case elNoembed:
		return "noembed"
	case elNoframes:
		return "noframes"
	case elNoscript:
		return "noscript"
	case elScript:
		return "script"
	case elStyle:
		return "style"
	case elTextarea:
		return "textarea"
	case elTitle:
		return "title"
	case elXmp:
		return "xmp"
	}
	return ""
}

// breaksOut reports whether a start tag of e inside <svg> or <math> leaves them.
func (e element) breaksOut() bool {
	return e == breakout || e == elHead || e == elMeta
}

// maxScopes bounds the nesting that is kept in mind; what lies deeper counts as its surroundings do.
const maxScopes = 256

// scope is an open element that changes how its content is read.
type scope struct {
	of      element
	foreign bool // svg or math rules hold
	frozen  bool // hydrated by a framework: attributes and styles are left alone
}

// scopes is the stack of open scopes.
type scopes []scope

// top returns the rules in force.
func (s scopes) top() scope {
	if len(s) == 0 {
		return scope{}
	}
	return s[len(s)-1]
}

// open notes a start tag.
func (s *scopes) open(e element) {
	in := s.top()
	switch e {
	case elSVG, elMath:
		in.foreign = true
	case elTitle, svgDesc, svgForeignObject:
		if !in.foreign {
			return
		}
		in.foreign = false
	case astroIsland:
		in.frozen = true
	case astroSlot:
		in.frozen = false
	default:
		return
	}
	if len(*s) < maxScopes {
		in.of = e
		*s = append(*s, in)
	}
}

// close notes an end tag: everything inside the innermost such element is closed with it.
func (s *scopes) close(e element) {
	for i, in := range slices.Backward(*s) {
		if in.of == e {
			*s = (*s)[:i]
			return
		}
	}
}

// leaveForeign closes the svg and math elements that an HTML start tag ends.
func (s *scopes) leaveForeign() {
	for s.top().foreign {
		*s = (*s)[:len(*s)-1]
	}
}
