//go:build unix

package process

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTailCleansLines(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                 "plain",
		"\x1b[1m\x1b[32m astro \x1b[0m v5":      " astro  v5",
		"\x1b]0;title\x07after":                 "after",
		"\x1b]8;;http://x\x1b\\link":            "link",
		"windows\r":                             "windows",
		"10 %\r50 %\rdone":                      "done",
		"bell\x07 and\tnul\x00":                 "bell and\tnul",
		"bad \xff byte":                         "bad \ufffd byte",
		strings.Repeat("é", tailLineSize):       strings.Repeat("é", tailLineSize/2) + "…",
		"x" + strings.Repeat("é", tailLineSize): "x" + strings.Repeat("é", tailLineSize/2-1) + "…",
	} {
		if got := clean(in); got != want || !utf8.ValidString(got) {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTailKeepsTheLastLines(t *testing.T) {
	var log tail
	for n := range 2*tailLines + 7 {
		fmt.Fprintf(&log, "li")
		fmt.Fprintf(&log, "ne %d\n", n)
	}
	fmt.Fprint(&log, "no end yet")
	lines := log.Lines()
	if len(lines) != tailLines+1 {
		t.Fatalf("%d lines are kept, want %d and the one without an end", len(lines), tailLines)
	}
	want := []string{"line 207", "line 208"}
	if diff := cmp.Diff(want, lines[:2]); diff != "" {
		t.Errorf("the oldest (-want +got):\n%s", diff)
	}
	if got, want := log.closing(2), "line 406 / no end yet"; got != want {
		t.Errorf("closing(2) = %q, want %q", got, want)
	}
}

func TestTailBoundsALineWithoutEnd(t *testing.T) {
	var log tail
	for range 1000 {
		fmt.Fprint(&log, strings.Repeat("x", 1000))
	}
	if len(log.part) > 2*tailLineSize {
		t.Errorf("%d bytes are kept of one line", len(log.part))
	}
}
