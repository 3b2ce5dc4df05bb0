package prefix

// refresh is the finder for "5; url=/x", in a Refresh header or a <meta http-equiv="refresh">
// (WHATWG HTML, "shared declarative refresh steps").
func (s *site) refresh(v []byte, edits []edit) []edit {
	i := skipSpace(v, 0)
	for i < len(v) && ('0' <= v[i] && v[i] <= '9' || v[i] == '.') {
		i++
	}
	if i == len(v) || v[i] != ';' && v[i] != ',' && !isSpace(v[i]) {
		return edits
	}
	i = skipSpace(v, i)
	if i < len(v) && (v[i] == ';' || v[i] == ',') {
		i = skipSpace(v, i+1)
	}
	if hasFoldPrefix(v[i:], "url") {
		if eq := skipSpace(v, i+len("url")); eq < len(v) && v[eq] == '=' {
			i = skipSpace(v, eq+1)
		}
	}
	if i < len(v) && (v[i] == '"' || v[i] == '\'') {
		i++
	}
	if at := s.offset(v[i:]); at >= 0 {
		edits = append(edits, edit{i + at, s.mount})
	}
	return edits
}

func skipSpace(v []byte, i int) int {
	for i < len(v) && isSpace(v[i]) {
		i++
	}
	return i
}
