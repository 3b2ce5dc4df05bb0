package route

import (
	"slices"
	"strings"
)

// expand replaces every #{word} of s, once: what a word stands for is not looked
// at again.
func expand(s string, value func(word string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "#{")
		word, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(before)
		b.WriteString(value(word))
		s = after
	}
}

// wrongKeyword returns the first keyword of s that is not among known, "" if all
// are.
func wrongKeyword(s string, known ...string) string {
	wrong := ""
	expand(s, func(word string) string {
		if wrong == "" && !slices.Contains(known, word) {
			wrong = "#{" + word + "}"
		}
		return ""
	})
	return wrong
}

// escapeUnsafe percent-encodes what must not stand in a Location: control
// characters, spaces, bytes beyond ASCII, characters that no URL holds (a
// browser reads "\" as "/"), and those of more. Escapes in s stay as they are.
func escapeUnsafe(s, more string) string {
	const hex = "0123456789ABCDEF"
	unsafe := func(c byte) bool {
		return c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}"+more, c) >= 0
	}
	if !slices.ContainsFunc([]byte(s), unsafe) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; unsafe(c) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}
