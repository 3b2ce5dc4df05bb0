package prefix

import "bytes"

// maxToken bounds what is kept waiting for its end: a tag, an import map, the content of a <noscript>.
const maxToken = 4 << 20

type htmlState uint8

const (
	htmlText htmlState = iota
	htmlTag
	htmlComment
	htmlBogus // a declaration or bogus comment, up to '>'
	htmlCDATA
	htmlRaw
	htmlOff // an oversized token was met, or <plaintext>: the rest goes through unread
)

// htmlScanner finds what to insert into an HTML answer. It knows as much of the syntax as is needed to
// see the same tags and attributes as a browser, builds no tree, and passes whatever it does not understand.
type htmlScanner struct {
	site     *site
	head     head
	limit    int  // of one token
	noscript bool // the content of a <noscript>, where another <noscript> is an element like any other

	state   htmlState
	tag     tag
	raw     rawText
	css     cssScanner
	scopes  scopes
	hasBase bool
	inside  bool // not the first call for this comment

	data  []byte
	pos   int
	edits []edit
}

func newHTMLScanner(s *site, h head) *htmlScanner {
	return &htmlScanner{site: s, head: h, limit: maxToken}
}

// scan implements scanner.
func (z *htmlScanner) scan(data []byte, final bool, edits []edit) (int, []edit) {
	z.data, z.pos, z.edits = data, 0, edits
	for z.pos < len(data) && z.next(final) {
	}
	if final && z.pos < len(data) {
		z.pos = len(data)
	}
	edits, z.data, z.edits = z.edits, nil, nil
	return z.pos, edits
}

// insert notes text to be put before the byte at offset at of the current data.
func (z *htmlScanner) insert(at int, text string) {
	z.edits = append(z.edits, edit{at, text})
}

// next takes a step and reports false when more data is needed for that.
func (z *htmlScanner) next(final bool) bool {
	switch z.state {
	case htmlTag:
		return z.readTag()
	case htmlComment:
		return z.readComment()
	case htmlBogus:
		return z.readUntil(">")
	case htmlCDATA:
		return z.readUntil("]]>")
	case htmlRaw:
		return z.readRaw(final)
	case htmlOff:
		z.pos = len(z.data)
		return true
	}
	return z.readText(final)
}

// readText reads up to the next '<' and finds out what begins there.
func (z *htmlScanner) readText(final bool) bool {
	rest := z.data[z.pos:]
	n := bytes.IndexByte(rest, '<')
	if n < 0 {
		n = len(rest)
	}
	if n > 0 {
		z.text(rest[:n])
		z.pos += n
		return true
	}
	state, enough := opening(rest, z.scopes.top().foreign)
	if !enough && !final {
		return false
	}
	switch state {
	case htmlText:
		z.text(rest[:1])
		z.pos++
	case htmlComment:
		z.pos += len("<!")
		z.inside = false
	case htmlTag:
		z.tag = tag{}
	case htmlBogus:
		if hasFoldPrefix(rest, "<!doctype") {
			z.head.doctype()
		}
	}
	z.state = state
	return true
}

// opening tells what the '<' at the start of data begins, and whether data is long enough to know.
func opening(data []byte, foreign bool) (_ htmlState, enough bool) {
	if len(data) < 2 {
		return htmlText, false
	}
	switch c := data[1]; {
	case isLetter(c):
		return htmlTag, true
	case c == '?':
		return htmlBogus, true
	case c == '/':
		if len(data) < 3 {
			return htmlText, false
		}
		if isLetter(data[2]) {
			return htmlTag, true
		}
		return htmlBogus, true
	case c != '!':
		return htmlText, true
	}
	switch {
	case bytes.HasPrefix(data, []byte("<!--")):
		return htmlComment, true
	case foreign && bytes.HasPrefix(data, []byte("<![CDATA[")):
		return htmlCDATA, true
	}
	return htmlBogus, len(data) >= len("<!doctype") || bytes.IndexByte(data, '>') >= 0
}

// text sees character data that is markup's own, not that of a raw text element.
func (z *htmlScanner) text(data []byte) {
	if at := skipSpace(data, 0); at < len(data) {
		z.insertHead(z.pos+at, z.head.text())
	}
}

// readUntil passes everything up to mark. What may be the beginning of the mark waits.
func (z *htmlScanner) readUntil(mark string) bool {
	rest := z.data[z.pos:]
	if n := bytes.Index(rest, []byte(mark)); n >= 0 {
		z.pos += n + len(mark)
		z.state = htmlText
		return true
	}
	n := max(0, len(rest)-len(mark)+1)
	z.pos += n
	return n > 0
}

// readComment passes a comment; "<!" has been read. It ends at "-->", also in "<!-->" and "<!--->", or at
// "--!>" where these dashes are not the ones that began it.
func (z *htmlScanner) readComment() bool {
	const keep = len("--!")
	rest := z.data[z.pos:]
	for i := 0; i < len(rest); i++ {
		n := bytes.IndexByte(rest[i:], '>')
		if n < 0 {
			break
		}
		i += n
		bang := i >= len("--!") && bytes.Equal(rest[i-3:i], []byte("--!")) && (z.inside || i >= len("----!"))
		if bang || i >= len("--") && bytes.Equal(rest[i-2:i], []byte("--")) {
			z.pos += i + 1
			z.state = htmlText
			return true
		}
	}
	n := len(rest) - keep
	if n < len("--") {
		return false
	}
	z.pos += n
	z.inside = true
	return true
}

// readTag reads a start or end tag.
func (z *htmlScanner) readTag() bool {
	rest := z.data[z.pos:]
	n, done := z.tag.read(rest)
	if !done {
		n = len(rest)
	}
	if n > z.limit {
		z.state = htmlOff
		return true
	}
	if !done {
		return false
	}
	z.state = htmlText
	e := elementOf(z.tag.name(rest))
	if isEnd(rest) {
		z.insertHead(z.pos, z.head.endTag(e))
		z.scopes.close(e)
	} else {
		z.startTag(rest[:n], e)
	}
	z.pos += n
	return true
}

// startTag handles a complete start tag.
func (z *htmlScanner) startTag(data []byte, e element) {
	z.insertHead(z.pos, z.head.startTag(e, &z.tag, data))
	if e.breaksOut() {
		z.scopes.leaveForeign()
	}
	in := z.scopes.top()
	if e == elBase {
		z.base(data)
	}
	if !in.frozen || e == astroIsland {
		z.attributes(data, e)
	}
	if in.foreign && z.tag.isSelf {
		return
	}
	z.scopes.open(e)
	if !in.foreign || e == elScript || e == elStyle {
		z.openRaw(data, e, in.frozen)
	}
}

// base notes the first <base href>: behind one of another origin a root-absolute address leads there.
func (z *htmlScanner) base(data []byte) {
	raw, ok := z.tag.value(data, attrHref)
	if !ok || z.hasBase {
		return
	}
	z.hasBase = true
	href, _ := decodeEntities(raw)
	z.site.away = z.site.elsewhere(href)
}

// attributes patches the addresses in a start tag.
func (z *htmlScanner) attributes(data []byte, e element) {
	for _, a := range z.tag.list() {
		if find := z.finder(a.kind, e, data); find != nil {
			z.edits = z.site.inAttribute(data[a.from:a.to], z.pos+a.from, z.edits, find)
			continue
		}
		if a.kind == attrContent && e == elMeta && z.tag.is(data, attrName, "referrer") {
			if relaxed, ok := relaxedReferrer(data[a.from:a.to]); ok {
				// Of two attributes of one name the first counts.
				z.insert(z.pos+a.at, `content="`+relaxed+`" `)
			}
		}
	}
}

// finder returns what looks for addresses in an attribute, or nil.
func (z *htmlScanner) finder(kind attrKind, e element, data []byte) finder {
	switch kind {
	case attrAction, attrBackground, attrBeforeHydrationURL, attrComponentURL, attrFormaction, attrHref,
		attrPoster, attrRendererURL, attrSrc, attrXlinkHref:
		return (*site).address
	case attrSrcset, attrImagesrcset:
		return (*site).srcset
	case attrStyle:
		return (*site).style
	case attrData:
		if e == elObject {
			return (*site).address
		}
	case attrContent:
		if e == elMeta && z.tag.is(data, attrHTTPEquiv, "refresh") {
			return (*site).refresh
		}
	}
	return nil
}

// openRaw begins the text of an element that holds no markup.
func (z *htmlScanner) openRaw(data []byte, e element, frozen bool) {
	if e == elPlaintext {
		z.state = htmlOff
		return
	}
	name := e.rawName()
	if name == "" || e == elNoscript && z.noscript {
		return
	}
	z.state, z.raw = htmlRaw, rawText{name: name}
	switch {
	case frozen:
	case e == elStyle:
		z.raw.use, z.css = rawCSS, cssScanner{site: z.site}
	case e == elNoscript:
		z.raw.use = rawMarkup
	case e == elScript && z.head.mayPatchMap(&z.tag, data):
		z.raw.use = rawImportMap
	}
}

// readRaw reads the text of an element that holds no markup, up to its end tag.
func (z *htmlScanner) readRaw(final bool) bool {
	rest := z.data[z.pos:]
	n, ended := z.raw.find(rest, final)
	known := n
	switch z.raw.use {
	case rawCSS:
		start := len(z.edits)
		n, z.edits = z.css.scan(rest[:n], ended || final, z.edits)
		for i := start; i < len(z.edits); i++ {
			z.edits[i].at += z.pos
		}
	case rawImportMap, rawMarkup:
		if n > z.limit {
			z.state = htmlOff
			return true
		}
		if !ended && !final {
			return false
		}
		z.whole(rest[:n])
	}
	z.pos += n
	z.raw.pos = known - n
	if ended {
		z.state = htmlText
		return true
	}
	return n > 0
}

// whole handles the complete content of an import map or a <noscript>.
func (z *htmlScanner) whole(content []byte) {
	start := len(z.edits)
	if z.raw.use == rawImportMap {
		var ok bool
		if z.edits, ok = z.site.importMap(content, z.head.wantsMap(), z.edits); ok && z.head.wantsMap() {
			z.head.merged()
		}
	} else {
		sub := newHTMLScanner(z.site, head{state: noDocument})
		sub.noscript = true
		_, z.edits = sub.scan(content, true, z.edits)
	}
	for i := start; i < len(z.edits); i++ {
		z.edits[i].at += z.pos
	}
}
