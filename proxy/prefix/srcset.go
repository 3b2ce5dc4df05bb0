package prefix

// srcset is the finder for a comma list of image candidates (WHATWG HTML, "parse a srcset attribute").
func (s *site) srcset(v []byte, edits []edit) []edit {
	for i := 0; i < len(v); {
		for i < len(v) && (isSpace(v[i]) || v[i] == ',') {
			i++
		}
		start := i
		for i < len(v) && !isSpace(v[i]) {
			i++
		}
		end := i
		for end > start && v[end-1] == ',' {
			end--
		}
		if at := s.offset(v[start:end]); at >= 0 {
			edits = append(edits, edit{start + at, s.mount})
		}
		if end == i {
			i = skipDescriptors(v, i)
		}
	}
	return edits
}

// skipDescriptors returns the offset of the comma that ends the candidate, outside of parentheses.
func skipDescriptors(v []byte, i int) int {
	open := false
	for ; i < len(v); i++ {
		switch v[i] {
		case '(':
			open = true
		case ')':
			open = false
		case ',':
			if !open {
				return i
			}
		}
	}
	return i
}
