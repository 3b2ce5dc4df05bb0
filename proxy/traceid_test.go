package proxy

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestContinueTrace(t *testing.T) {
	const root = "Root=1-67891233-abcdef012345678912345678"
	now := time.Unix(0x67891233, 0)
	for _, tt := range []struct {
		name  string
		given []string
		want  string // FRESH stands for a new id
	}{
		{"none", nil, "Root=FRESH"},
		{"root", []string{root}, "Self=FRESH;" + root},
		{"root and another field", []string{root + ";CalledFrom=app"}, "Self=FRESH;" + root + ";CalledFrom=app"},
		{"another proxy's self", []string{"Self=1-67891234-12456789abcdef012345678; " + root}, "Self=FRESH;" + root},
		{"no root", []string{"CalledFrom=app;Self=1-2-3"}, "Root=FRESH;CalledFrom=app"},
		{"two lines", []string{root, "CalledFrom=app"}, "Self=FRESH;" + root + ";CalledFrom=app"},
		{"empty", []string{""}, "Root=FRESH"},
		{"too long", []string{root + ";A=" + strings.Repeat("x", maxTraceID)}, "Root=FRESH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := continueTrace(tt.given, now)
			pattern := "^" + strings.Replace(regexp.QuoteMeta(tt.want), "FRESH", "1-67891233-[0-9a-f]{24}", 1) + "$"
			if !regexp.MustCompile(pattern).MatchString(got) {
				t.Errorf("continueTrace(%q) = %q, want %q", tt.given, got, tt.want)
			}
		})
	}
	if a, b := continueTrace(nil, now), continueTrace(nil, now); a == b {
		t.Errorf("two requests have the trace id %s", a)
	}
}

// TestTraceIDIsLogged: the upstream and the access line have the same one.
func TestTraceIDIsLogged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var seen string
		b := newBed(t, handlerOf(func(h map[string][]string) { seen = h["X-Amzn-Trace-Id"][0] }), nil)
		b.ready()
		b.get("/session/demo/x", nil)
		time.Sleep(time.Second)
		if err := b.accessLog.Close(); err != nil {
			t.Fatal(err)
		}
		if seen == "" || !strings.Contains(b.log.String(), `"trace_id":"`+seen+`"`) {
			t.Errorf("the site saw %q, the log says %s", seen, b.log.String())
		}
	})
}
