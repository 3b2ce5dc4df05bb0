package prefix

import "bytes"

type tagState uint8

const (
	tagName tagState = iota
	beforeName
	inName
	afterName
	beforeValue
	doubleQuoted
	singleQuoted
	unquoted
	afterQuoted
	selfClosing
)

// attrKind is an attribute that this package looks at.
type attrKind uint8

const (
	noAttr attrKind = iota
	attrAction
	attrBackground
	attrBeforeHydrationURL
	attrComponentURL
	attrContent
	attrData
	attrFormaction
	attrHTTPEquiv
	attrHref
	attrImagesrcset
	attrName
	attrNonce
	attrPoster
	attrRel
	attrRendererURL
	attrSrc
	attrSrcset
	attrStyle
	attrType
	attrXlinkHref
	numAttrs
)

// attrOf returns the attribute of a name in any letter case, or noAttr.
func attrOf(name []byte) attrKind {
	var buf [24]byte
	switch string(lowered(buf[:], name)) {
	case "action":
		return attrAction
	case "background":
		return attrBackground
	case "before-hydration-url":
		return attrBeforeHydrationURL
	case "component-url":
		return attrComponentURL
	case "content":
		return attrContent
	case "data":
		return attrData
	case "formaction":
		return attrFormaction
	case "http-equiv":
		return attrHTTPEquiv
	case "href":
		return attrHref
	case "imagesrcset":
		return attrImagesrcset
	case "name":
		return attrName
	case "nonce":
		return attrNonce
	case "poster":
		return attrPoster
	case "rel":
		return attrRel
	case "renderer-url":
		return attrRendererURL
	case "src":
		return attrSrc
	case "srcset":
		return attrSrcset
	case "style":
		return attrStyle
	case "type":
		return attrType
	case "xlink:href":
		return attrXlinkHref
	}
	return noAttr
}

// lowered writes name to buf in lower case, or returns nil if it does not fit.
func lowered(buf, name []byte) []byte {
	if len(name) > len(buf) {
		return nil
	}
	for i, c := range name {
		buf[i] = lower(c)
	}
	return buf[:len(name)]
}

// attr is one attribute of a tag; offsets count from the tag's '<'.
type attr struct {
	kind     attrKind
	at       int // of the name
	from, to int // of the value, without quotes
}

// tag reads one start or end tag (WHATWG HTML 13.2.5.8 and 13.2.5.32 to 13.2.5.40). It keeps its place, so
// that a tag which comes byte by byte is read once. Of attributes given twice the first counts, as in a browser.
type tag struct {
	state   tagState
	pos     int
	nameEnd int
	seen    [numAttrs]bool
	attrs   [numAttrs]attr
	n       int
	cur     attr
	isSelf  bool // ends in "/>"
}

// list returns the known attributes in the order they stand in.
func (t *tag) list() []attr { return t.attrs[:t.n] }

// isEnd reports whether the tag that begins data is an end tag.
func isEnd(data []byte) bool { return data[1] == '/' }

// name returns the tag's name as it is written.
func (t *tag) name(data []byte) []byte {
	if isEnd(data) {
		return data[2:t.nameEnd]
	}
	return data[1:t.nameEnd]
}

// value returns the raw value of an attribute.
func (t *tag) value(data []byte, kind attrKind) ([]byte, bool) {
	for _, a := range t.list() {
		if a.kind == kind {
			return data[a.from:a.to], true
		}
	}
	return nil, false
}

// is reports whether an attribute has the given value, without regard to case and outer blanks.
func (t *tag) is(data []byte, kind attrKind, want string) bool {
	v, ok := t.value(data, kind)
	return ok && foldEqual(bytes.TrimSpace(v), want)
}

// read goes on with the tag that begins data, and returns its length once it is complete.
func (t *tag) read(data []byte) (length int, done bool) {
	if t.pos == 0 {
		t.pos = 1
	}
	for t.pos < len(data) {
		if t.step(data) {
			return t.pos, true
		}
	}
	return 0, false
}

// step takes one byte, or a run of bytes within a name or value, and reports the end of the tag.
func (t *tag) step(data []byte) bool {
	c := data[t.pos]
	switch t.state {
	case tagName:
		if !isSpace(c) && c != '>' && (c != '/' || t.pos == 1) {
			break
		}
		t.nameEnd = t.pos
		return t.between(c)
	case beforeName, afterName, afterQuoted, selfClosing:
		return t.between(c)
	case inName:
		if c != '=' && c != '/' && c != '>' && !isSpace(c) {
			break
		}
		t.endName(data)
		return t.between(c)
	case beforeValue:
		return t.beginValue(c)
	case doubleQuoted, singleQuoted:
		t.quoted(data)
		return false
	case unquoted:
		if c != '>' && !isSpace(c) {
			break
		}
		t.endValue()
		return t.between(c)
	}
	t.pos++
	return false
}

// between handles a byte that stands outside of names and values.
func (t *tag) between(c byte) bool {
	switch {
	case isSpace(c):
		if t.state != afterName {
			t.state = beforeName
		}
	case c == '/':
		t.state = selfClosing
	case c == '>':
		t.isSelf = t.state == selfClosing
		t.pos++
		return true
	case c == '=' && t.state == afterName:
		t.state = beforeValue
	default:
		t.state, t.cur = inName, attr{at: t.pos}
	}
	t.pos++
	return false
}

// endName closes an attribute's name. Until a value is met the attribute is an empty one.
func (t *tag) endName(data []byte) {
	t.cur.kind = attrOf(data[t.cur.at:t.pos])
	t.state = afterName
	if t.cur.kind == noAttr {
		return
	}
	if t.seen[t.cur.kind] {
		t.cur.kind = noAttr
		return
	}
	t.cur.from, t.cur.to = t.pos, t.pos
	t.seen[t.cur.kind] = true
	t.attrs[t.n] = t.cur
	t.n++
}

// beginValue handles the bytes behind '='.
func (t *tag) beginValue(c byte) bool {
	switch {
	case isSpace(c):
	case c == '"':
		t.state, t.cur.from = doubleQuoted, t.pos+1
	case c == '\'':
		t.state, t.cur.from = singleQuoted, t.pos+1
	case c == '>':
		t.state = beforeName
		return t.between(c)
	default:
		t.state, t.cur.from = unquoted, t.pos
	}
	t.pos++
	return false
}

// quoted runs to the closing quote.
func (t *tag) quoted(data []byte) {
	quote := byte('"')
	if t.state == singleQuoted {
		quote = '\''
	}
	n := bytes.IndexByte(data[t.pos:], quote)
	if n < 0 {
		t.pos = len(data)
		return
	}
	t.pos += n
	t.endValue()
	t.state = afterQuoted
	t.pos++
}

// endValue stores the span of the value that ends at pos.
func (t *tag) endValue() {
	if t.cur.kind != noAttr {
		t.attrs[t.n-1].from, t.attrs[t.n-1].to = t.cur.from, t.pos
	}
	t.state = beforeName
}
