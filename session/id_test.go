package session

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestNewID(t *testing.T) {
	label := regexp.MustCompile(`^[a-z0-9]{26}$`)
	seen := map[ID]bool{}
	for range 1000 {
		id := NewID()
		if parsed, err := ParseID(string(id)); err != nil || parsed != id || !label.MatchString(string(id)) || seen[id] {
			t.Fatalf("NewID = %q (parsed: %q, %v), want a new DNS label", id, parsed, err)
		}
		seen[id] = true
	}
}

func TestParseID(t *testing.T) {
	for _, s := range []string{"a", "Z", "0", "acme-4711", "user@example.com", "a.b_c~d#e:f", strings.Repeat("x", MaxIDLength)} {
		if id, err := ParseID(s); err != nil || string(id) != s {
			t.Errorf("ParseID(%q) = %q, %v", s, id, err)
		}
	}
	for s, why := range map[string]string{
		"": "empty", strings.Repeat("x", MaxIDLength+1): "longer", "-a": "begin", ".": "begin", "..": "begin", "~a": "begin",
		"a b": "' '", "a/b": "'/'", "a\\b": `'\\'`, "a%2e": "'%'", "a\x00": `'\x00'`, "a\n": `'\n'`, "ä": "begin", "aä": "byte 1",
		"a?b": "'?'", "a{b}": "'{'", "a<b": "'<'", "a\"b": `'"'`,
	} {
		_, err := ParseID(s)
		invalid, ok := errors.AsType[*InvalidError](err)
		if !ok || invalid.Field != "sessionId" || !strings.Contains(invalid.Reason, why) {
			t.Errorf("ParseID(%q) = %v, want an *InvalidError about %s", s, err, why)
		}
		if _, err := ParseClientID(s); err == nil {
			t.Errorf("ParseClientID(%q) has no error", s)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"", "a", "acme-4711", "a/b", "../x", "ä", "a\x00b", strings.Repeat("y", 129)} {
		f.Add(s)
	}
	allowed := regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9\-._~#@:]{0,127}$`)
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		client, clientErr := ParseClientID(s)
		if want := allowed.MatchString(s) && !strings.HasSuffix(s, "\n"); (err == nil) != want || (clientErr == nil) != want {
			t.Errorf("ParseID(%q) = %v, ParseClientID = %v, want valid: %t", s, err, clientErr, want)
		}
		if err == nil && (string(id) != s || string(client) != s) {
			t.Errorf("ParseID(%q) = %q, ParseClientID = %q", s, id, client)
		}
	})
}
