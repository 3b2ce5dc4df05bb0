package prefix

import (
	"bytes"
	"encoding/json"
)

// importMap finds what a page's own import map needs (HTML 8.1.6.2): the mount in root-absolute addresses
// and scope keys, a second entry below the mount for each root-absolute specifier (a module imported by a
// relative path resolves to that), and with merge also our own entries. ok is false if the text is no
// import map; then there are no edits.
func (s *site) importMap(text []byte, merge bool, edits []edit) (_ []edit, ok bool) {
	w := mapWalker{site: s, text: text, edits: edits, merge: merge}
	if !json.Valid(text) || !w.top() {
		return edits, false
	}
	return w.edits, true
}

// mapWalker walks over valid JSON and collects edits in the order of the text.
type mapWalker struct {
	site  *site
	text  []byte
	pos   int
	edits []edit
	merge bool
}

// top walks over the outermost object.
func (w *mapWalker) top() bool {
	w.blank()
	if w.text[w.pos] != '{' {
		return false
	}
	first, hasImports := w.pos+1, false
	early := len(w.edits)
	w.object(func(key span) {
		switch string(w.string(key)) {
		case "imports":
			hasImports = w.imports(w.merge) || hasImports
		case "scopes":
			w.scopes()
		case "integrity":
			w.integrity()
		default:
			w.value()
		}
	})
	if w.merge && !hasImports {
		own := `"imports":{` + w.site.mapEntries() + `}`
		if !w.isEmpty(first) {
			own += ","
		}
		w.edits = append(w.edits, edit{})
		copy(w.edits[early+1:], w.edits[early:])
		w.edits[early] = edit{first, own}
	}
	return true
}

// imports walks over a specifier map, adds our entries if asked to, and reports whether it is an object.
func (w *mapWalker) imports(merge bool) bool {
	w.blank()
	if w.text[w.pos] != '{' {
		w.value()
		return false
	}
	if merge {
		own := w.site.mapEntries()
		if !w.isEmpty(w.pos + 1) {
			own += ","
		}
		w.edits = append(w.edits, edit{w.pos + 1, own})
	}
	w.object(func(key span) {
		value := w.value()
		at := w.addressIn(value)
		if twin := w.twin(key, value, at); twin != "" {
			w.edits = append(w.edits, edit{key.from, twin})
		}
		if at >= 0 {
			w.edits = append(w.edits, edit{at, w.site.mount})
		}
	})
	return true
}

// twin returns the entry that repeats one with a root-absolute specifier below the mount, or "".
func (w *mapWalker) twin(key, value span, at int) string {
	keyAt := w.addressIn(key)
	if keyAt < 0 {
		return ""
	}
	text := string(w.text[key.from:keyAt]) + w.site.mount + string(w.text[keyAt:key.to]) + ":"
	if at < 0 {
		return text + string(w.text[value.from:value.to]) + ","
	}
	return text + string(w.text[value.from:at]) + w.site.mount + string(w.text[at:value.to]) + ","
}

// scopes walks over the map of scopes.
func (w *mapWalker) scopes() {
	w.keyed(func() { w.imports(false) })
}

// integrity walks over the map of integrity values.
func (w *mapWalker) integrity() {
	w.keyed(func() { w.value() })
}

// keyed walks over an object whose keys are addresses.
func (w *mapWalker) keyed(value func()) {
	w.blank()
	if w.text[w.pos] != '{' {
		w.value()
		return
	}
	w.object(func(key span) {
		if at := w.addressIn(key); at >= 0 {
			w.edits = append(w.edits, edit{at, w.site.mount})
		}
		value()
	})
}

// span is a piece of the text.
type span struct{ from, to int }

// addressIn returns where the mount belongs in a string that is an address, or -1. A string with
// escapes before that place is left alone.
func (w *mapWalker) addressIn(v span) int {
	if w.text[v.from] != '"' {
		return -1
	}
	at := w.site.offset(w.string(v))
	if at < 0 || at > 0 && bytes.IndexByte(w.text[v.from:v.to], '\\') >= 0 {
		return -1
	}
	return v.from + 1 + at
}

// string decodes a JSON string.
func (w *mapWalker) string(v span) []byte {
	raw := w.text[v.from:v.to]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil
	}
	return []byte(text)
}

// object calls member for each key of the object at pos; member has to read the value.
func (w *mapWalker) object(member func(key span)) {
	w.pos++
	for {
		w.blank()
		switch w.text[w.pos] {
		case '}':
			w.pos++
			return
		case ',':
			w.pos++
		default:
			key := w.value()
			w.blank()
			w.pos++ // the colon
			member(key)
		}
	}
}

// value steps over any value.
func (w *mapWalker) value() span {
	w.blank()
	from := w.pos
	for depth := 0; w.pos < len(w.text); {
		switch c := w.text[w.pos]; c {
		case '"':
			w.pos = stringEnd(w.text, w.pos)
		case '{', '[':
			depth++
			w.pos++
		case '}', ']':
			depth--
			w.pos++
		case ',', ':', ' ', '\t', '\r', '\n':
			w.pos++
			continue
		default:
			w.pos = literalEnd(w.text, w.pos)
		}
		if depth == 0 {
			break
		}
	}
	return span{from, w.pos}
}

func (w *mapWalker) blank() {
	for isSpace(w.text[w.pos]) {
		w.pos++
	}
}

// isEmpty reports whether the object whose '{' stands before pos has no members.
func (w *mapWalker) isEmpty(pos int) bool {
	return w.text[skipSpace(w.text, pos)] == '}'
}

// stringEnd returns the end of the JSON string at pos.
func stringEnd(text []byte, pos int) int {
	for pos++; text[pos] != '"'; pos++ {
		if text[pos] == '\\' {
			pos++
		}
	}
	return pos + 1
}

// literalEnd returns the end of a number, true, false or null.
func literalEnd(text []byte, pos int) int {
	for pos < len(text) && bytes.IndexByte([]byte(",:]} \t\r\n"), text[pos]) < 0 {
		pos++
	}
	return pos
}
