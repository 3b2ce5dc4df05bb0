package accesslog

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAppendURL(t *testing.T) {
	tests := []struct{ path, query, want string }{
		{"/a/b", "", "/a/b"},
		{"/a", "x=1&y", "/a?x=1&y"},
		{"/a", "token=s&x=1", "/a?token=***&x=1"},
		{"/a", "x=1&wg_token=s", "/a?x=1&wg_token=***"},
		{"/a", "Access_Token=s&code=s&api_key=s&X-Amz-Signature=s", "/a?Access_Token=***&code=***&api_key=***&X-Amz-Signature=***"},
		{"/a", "%74oken=s", "/a?%74oken=***"},
		{"/a", "%zztoken=s", "/a?%zztoken=***"},
		{"/a", "token=a=b", "/a?token=***"},
		{"/a", "token=&token", "/a?token=&token"},
		{"/a", "tokens=1&codes=2", "/a?tokens=1&codes=2"},
		{"/a", "&&x", "/a?&&x"},
		{"/share/abc", "", "/share/***"},
		{"/share/abc/def", "x=1", "/share/***?x=1"},
		{"/p/share/abc", "", "/p/share/***"},
		{"/share/", "", "/share/"},
		{"/share", "", "/share"},
	}
	for _, tt := range tests {
		if got := string(AppendURL(nil, tt.path, tt.query)); got != tt.want {
			t.Errorf("AppendURL(%q, %q) = %q, want %q", tt.path, tt.query, got, tt.want)
		}
	}
}

func TestLongValuesAreCut(t *testing.T) {
	long := strings.Repeat("ä", 5000)
	r := &Record{Path: "/" + strings.Repeat("a", 5000), UserAgent: long, SessionID: long, Reason: long}
	for name, line := range map[string][]byte{
		"json": appendJSON(nil, r, time.Time{}),
		"alb":  appendALB(nil, r, time.Time{}, "x"),
	} {
		if len(line) > 12000 {
			t.Errorf("%s: line of %d bytes", name, len(line))
		}
		if !strings.Contains(string(line), "aaa"+cutMark) {
			t.Errorf("%s: what was cut off is not marked", name)
		}
	}
}

func TestEscapes(t *testing.T) {
	in := "a\"\\\n\r\t\x00\x1b[31m\x7f\u0085\u2028\u202e\ufeff\xffäö\U0001f600"
	want := `a\"\\\u000a\u000d\u0009\u0000\u001b[31m\u007f\u0085\u2028\u202e\ufeff\ufffdäö` + "\U0001f600"
	if got := string(appendEscapedJSON(nil, in)); got != want {
		t.Errorf("JSON: %s, want %s", got, want)
	}
	if got := string(appendEscapedALB(nil, "a\"\\\n\xff ", 100)); got != `a\x22\x5c\x0a\xff ` {
		t.Errorf("ALB: %s", got)
	}
}

func TestTruncateKeepsCharactersWhole(t *testing.T) {
	if got, cut := truncate("aä", 2); got != "a" || !cut {
		t.Errorf("truncate = %q, %v, want a, true", got, cut)
	}
}

func TestAppendSeconds(t *testing.T) {
	tests := []struct {
		d      time.Duration
		digits int
		want   string
	}{
		{0, 3, "0.000"},
		{-time.Second, 3, "0.000"},
		{1999 * time.Microsecond, 3, "0.001"},
		{time.Minute + 1234567890, 6, "61.234567"},
		{time.Nanosecond, 9, "0.000000001"},
	}
	for _, tt := range tests {
		if got := string(appendSeconds(nil, tt.d, tt.digits)); got != tt.want {
			t.Errorf("appendSeconds(%v, %d) = %s, want %s", tt.d, tt.digits, got, tt.want)
		}
	}
}

// Whatever a client sends, a line is one line of valid JSON that says the same.
func FuzzJSON(f *testing.F) {
	f.Add("/a", "token=x", "curl", "reason\n")
	f.Add("/share/x", "\xff=\"", "\u202e", `\`)
	f.Fuzz(func(t *testing.T, path, query, agent, reason string) {
		line := appendJSON(nil, &Record{Path: path, Query: query, UserAgent: agent, Reason: reason}, time.Time{})
		var got struct {
			UserAgent string `json:"user_agent"`
			Reason    string `json:"reason"`
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if strings.ContainsAny(strings.TrimSuffix(string(line), "\n"), "\n\r\x1b\x00\u2028") || !utf8.Valid(line) {
			t.Errorf("line %q holds what it must not", line)
		}
		if want := strings.ToValidUTF8(agent, ""); utf8.ValidString(agent) && len(agent) <= maxText && got.UserAgent != want {
			t.Errorf("user_agent = %q, want %q", got.UserAgent, want)
		}
	})
}
