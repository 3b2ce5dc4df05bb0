package warming

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/webordinary/warmgate/session"
)

// What a page shows of a log.
const (
	maxLines    = 10
	maxLineSize = 200 // runes
)

// escapes are terminal control sequences (ECMA-48 5.4, and OSC strings).
var escapes = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?`)

// tail returns the last log lines as plain text; never nil.
func tail(b *session.Backend) []string {
	lines := []string{}
	all := b.LogTail()
	for _, l := range all[max(len(all)-maxLines, 0):] {
		lines = append(lines, plain(l))
	}
	return lines
}

// plain returns s as one line of text of bounded length, without terminal
// sequences, control characters and marks that change the reading direction.
func plain(s string) string {
	s = escapes.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, s)
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	if runes := []rune(s); len(runes) > maxLineSize {
		return string(runes[:maxLineSize]) + "…"
	}
	return s
}
