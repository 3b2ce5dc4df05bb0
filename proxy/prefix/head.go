package prefix

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
)

// shim is the script that a document runs before all others. The prefix reaches it in attributes of its
// tag, so that its text, and with it its hash in a Content-Security-Policy, is the same for all sessions.
//
//go:embed shim.js
var shim string

// shimTag returns the shim as markup.
func (s *site) shimTag() string {
	return fmt.Sprintf(`<script data-prefix="%s/" data-base="%s">%s</script>`, s.mount, s.base, shim)
}

// mapEntries are the keys of the import map: every root-absolute module lies below the prefix, and what lies
// below the base stays there (the longest key wins, HTML "resolve an imports match").
func (s *site) mapEntries() string {
	return fmt.Sprintf(`"/":"%s/","%s":"%[2]s"`, s.mount, s.base)
}

// mapText returns the import map of a page that has none of its own.
func (s *site) mapText() string {
	return `{"imports":{` + s.mapEntries() + `}}`
}

// mapTag returns the import map as markup.
func (s *site) mapTag() string {
	return `<script type="importmap">` + s.mapText() + `</script>`
}

type documentState uint8

const (
	unknownDocument documentState = iota
	isDocument
	noDocument
)

// place says which of our two scripts are to be inserted.
type place struct{ shim, importMap bool }

// head decides where in a document the shim and the import map go: behind the <meta> and <title> elements
// that lead the head, since a <meta charset> must lie within the first 1024 bytes. A page's own import map
// that follows before any script takes in our entries, since some browsers know one map only; otherwise
// ours goes before the first thing that could load a module or change the document's base URL.
type head struct {
	state     documentState
	navigated bool // the browser said that it loads a document; no mark of one is needed
	guarded   bool // a Content-Security-Policy judges inline scripts: a merged map would not have its hash
	hasShim   bool
	hasMap    bool
}

// doctype notes a <!doctype>.
func (h *head) doctype() {
	if h.state == unknownDocument {
		h.state = isDocument
	}
}

// settle decides at the first token that counts whether this is a document or a fragment.
func (h *head) settle(marked bool) bool {
	if h.state == unknownDocument {
		h.state = noDocument
		if marked || h.navigated {
			h.state = isDocument
		}
	}
	return h.state == isDocument && (!h.hasShim || !h.hasMap)
}

// put notes that what is missing of the two is now inserted.
func (h *head) put(importMap bool) place {
	p := place{shim: !h.hasShim, importMap: importMap && !h.hasMap}
	h.hasShim, h.hasMap = true, h.hasMap || importMap
	return p
}

// wantsMap reports whether the page's own import map has to take in our entries.
func (h *head) wantsMap() bool { return h.state == isDocument && !h.hasMap }

// merged notes that it has.
func (h *head) merged() { h.hasMap = true }

// text says what to insert before text that is not blank.
func (h *head) text() place {
	if !h.settle(false) {
		return place{}
	}
	return h.put(true)
}

// startTag says what to insert before a start tag.
func (h *head) startTag(e element, t *tag, data []byte) place {
	if !h.settle(e == elHTML || e == elHead) {
		return place{}
	}
	switch e {
	case elHTML, elHead, elTitle:
		return place{}
	case elMeta:
		if t.is(data, attrHTTPEquiv, "content-security-policy") {
			h.guarded = true
			return h.put(true)
		}
		return place{}
	case elStyle:
		return h.put(false)
	case elLink:
		return h.put(loadsModule(t, data))
	case elScript:
		return h.put(h.guarded || !isImportMap(t, data))
	}
	return h.put(true)
}

// endTag says what to insert before an end tag.
func (h *head) endTag(e element) place {
	if e == elTitle || e == elStyle || e == elScript || !h.settle(false) {
		return place{}
	}
	return h.put(true)
}

// loadsModule reports a <link rel="modulepreload">.
func loadsModule(t *tag, data []byte) bool {
	rel, _ := t.value(data, attrRel)
	return bytes.Contains(bytes.ToLower(rel), []byte("modulepreload"))
}

// isImportMap reports an inline <script type="importmap">.
func isImportMap(t *tag, data []byte) bool {
	_, external := t.value(data, attrSrc)
	return !external && t.is(data, attrType, "importmap")
}

// mayPatchMap reports whether a script is an import map whose text may change: under a policy that judges
// inline scripts only one with a nonce may, since a hash would no longer fit.
func (h *head) mayPatchMap(t *tag, data []byte) bool {
	_, nonce := t.value(data, attrNonce)
	return isImportMap(t, data) && (!h.guarded || nonce)
}

// insertHead inserts what head said, before the byte at offset at.
func (z *htmlScanner) insertHead(at int, p place) {
	var b strings.Builder
	if p.shim {
		b.WriteString(z.site.shimTag())
	}
	if p.importMap {
		b.WriteString(z.site.mapTag())
	}
	if b.Len() > 0 {
		z.insert(at, b.String())
	}
}
