//go:build unix

package process

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	tailLines    = 200
	tailLineSize = 1000
	logFileSize  = 16 << 20
)

// tail keeps the last lines written to it, without terminal control sequences
// and with long lines cut, and copies what it gets to a file, if there is one.
// Safe for concurrent use.
type tail struct {
	mu    sync.Mutex
	lines []string // a ring once it is full
	next  int
	part  []byte // the line that has no end yet
	file  io.WriteCloser
	room  int // bytes left in file
}

// Write implements io.Writer. It never fails: a full disk is no reason to let
// the command block or die.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.toFile(p)
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		rest = after
		if room := 2*tailLineSize - len(t.part); room > 0 {
			t.part = append(t.part, line[:min(len(line), room)]...)
		}
		if ended {
			t.add(clean(string(t.part)))
			t.part = t.part[:0]
		}
	}
	return len(p), nil
}

func (t *tail) toFile(p []byte) {
	if t.file == nil || t.room == 0 {
		return
	}
	n := min(len(p), t.room)
	t.room -= n
	if _, err := t.file.Write(p[:n]); err != nil {
		t.room = 0
	}
}

func (t *tail) add(line string) {
	if len(t.lines) < tailLines {
		t.lines = append(t.lines, line)
		return
	}
	t.lines[t.next] = line
	t.next = (t.next + 1) % tailLines
}

// Lines returns the lines, oldest first.
func (t *tail) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := slices.Concat(t.lines[t.next:], t.lines[:t.next])
	if len(t.part) > 0 {
		lines = append(lines, clean(string(t.part)))
	}
	return lines
}

// contains reports whether one of the lines has the text.
func (t *tail) contains(text string) bool {
	return slices.ContainsFunc(t.Lines(), func(line string) bool { return strings.Contains(line, text) })
}

// closing returns the last n lines that are not blank as one.
func (t *tail) closing(n int) string {
	lines := slices.DeleteFunc(t.Lines(), func(line string) bool { return strings.TrimSpace(line) == "" })
	return strings.Join(lines[max(0, len(lines)-n):], " / ")
}

// Close closes the file.
func (t *tail) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}

// controlSequence matches what ECMA-48 (CSI and two-byte escapes) and xterm
// (OSC) define.
var controlSequence = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_=>]`)

// clean returns the line as a terminal would leave it standing, cut to size.
func clean(line string) string {
	line = controlSequence.ReplaceAllString(strings.TrimRight(line, "\r"), "")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	line = strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "\ufffd"))
	if len(line) <= tailLineSize {
		return line
	}
	cut := tailLineSize
	for !utf8.RuneStart(line[cut]) {
		cut--
	}
	return line[:cut] + "…"
}
