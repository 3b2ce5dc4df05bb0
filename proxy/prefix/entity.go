package prefix

import (
	"bytes"
	"html"
)

// finder appends the insertions that one attribute value needs; offsets are relative to v. Finders are
// method expressions, which cost no allocation.
type finder func(s *site, v []byte, edits []edit) []edit

// inAttribute runs find over an attribute value as the browser decodes it, and moves the insertions to
// the raw bytes, which begin at offset at.
func (s *site) inAttribute(raw []byte, at int, edits []edit, find finder) []edit {
	n := len(edits)
	if bytes.IndexByte(raw, '&') < 0 {
		edits = find(s, raw, edits)
		for i := n; i < len(edits); i++ {
			edits[i].at += at
		}
		return edits
	}
	text, origin := decodeEntities(raw)
	edits = find(s, text, edits)
	for i := n; i < len(edits); i++ {
		edits[i].at = at + origin[edits[i].at]
	}
	return edits
}

// decodeEntities decodes character references. origin[i] is the offset in raw of the byte text[i] came
// from; it has one entry more than text, for the end. Named references without a semicolon stay as they
// are: none of them matters in an address.
func decodeEntities(raw []byte) (text []byte, origin []int) {
	text = make([]byte, 0, len(raw))
	origin = make([]int, 0, len(raw)+1)
	for i := 0; i < len(raw); {
		end := i + 1
		if raw[i] == '&' {
			end = referenceEnd(raw, i)
		}
		if end == i+1 {
			text, origin = append(text, raw[i]), append(origin, i)
		} else {
			for _, c := range []byte(html.UnescapeString(string(raw[i:end]))) {
				text, origin = append(text, c), append(origin, i)
			}
		}
		i = end
	}
	return text, append(origin, len(raw))
}

// maxReference is longer than every name in the list of HTML character references.
const maxReference = 40

// referenceEnd returns the end of the character reference at raw[i], or i+1 if there is none.
func referenceEnd(raw []byte, i int) int {
	limit := min(len(raw), i+maxReference)
	j := i + 1
	numeric := j < limit && raw[j] == '#'
	if numeric {
		j++
	}
	start := j
	for j < limit && (isLetter(raw[j]) || '0' <= raw[j] && raw[j] <= '9') {
		j++
	}
	switch {
	case j == start:
		return i + 1
	case j < limit && raw[j] == ';':
		return j + 1
	case numeric:
		return j
	}
	return i + 1
}
