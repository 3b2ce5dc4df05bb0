package static

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// wellKnown is the one hidden folder that is served (RFC 8615).
const wellKnown = ".well-known"

// fileName turns an escaped path into the name of a file, without a leading
// slash. It refuses whatever could be read in two ways: encoded slashes, empty and
// dot segments, backslashes, control characters; and hidden files.
func fileName(escaped string) (name string, isFolder, ok bool) {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok || hasEncodedSlash(rest) {
		return "", false, false
	}
	name, err := url.PathUnescape(rest)
	if err != nil {
		return "", false, false
	}
	name, isFolder = strings.CutSuffix(name, "/")
	if name == "" {
		return "", true, rest == ""
	}
	return name, isFolder, isName(name)
}

func hasEncodedSlash(s string) bool {
	return strings.Contains(s, "%2f") || strings.Contains(s, "%2F")
}

// isName reports whether name is a relative path of visible parts.
func isName(name string) bool {
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment[0] == '.' && segment != wellKnown {
			return false
		}
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }
	return utf8.ValidString(name) && strings.IndexFunc(name, control) < 0
}
