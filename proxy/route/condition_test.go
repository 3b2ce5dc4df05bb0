package route

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestPathCondition(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"/session/*", "/session/", true},
		{"/session/*", "/session/a", true},
		{"/session/*", "/session/a/b", true},
		{"/session/*", "/session", false},
		{"/session/*", "/Session/a", false},
		{"/session/*", "/x/session/a", false},
		{"/img/*/pics", "/img/a/b/pics", true},
		{"/img/*/pics", "/img//pics", true},
		{"/img/*/pics", "/img/pics", false},
		{"/img/*/pics", "/img/a/pics/more", false},
		{"/api/v?/*", "/api/v1/x", true},
		{"/api/v?/*", "/api/v10/x", false},
		{"/api/v?/*", "/api/v/x", false},
		{"/api/v?/*", "/api/v//x", true}, // "?" takes the slash, too
		{"/api/v?", "/api/v/", true},
		{"/api/*", "/api", false},
		{"/api/*", "//api/x", false}, // slashes are not merged
		{"/a//b", "/a//b", true},
		{"/a/b", "/a//b", false},
		{"/a%20b", "/a%20b", true}, // never decoded
		{"/a%2Fb", "/a/b", false},
		{"/a/b", "/a%2Fb", false},
		{"/exact", "/exact", true},
		{"/exact", "/exact/", false},
		{"*", "/anything/at/all", true},
		{"*.png", "/img/a.png", true},
		{"*.png", "/img/a.png/b", false},
		{"/*a*a*", "/a", false},
		{"/*a*a*", "/xaya", true},
		{"/a*a", "/a", false},
		{"/$-_.~'@:+&", "/$-_.~'@:+&", true},
		{"/", "/", true},
		{"/?", "/", false},
		{"/**", "/", true},
		{"/*/area-1/*", "/x-y/area-2/area-1/z", true}, // the rare byte alone is not enough
		{"/*/area-1/*", "/x-y/area-2/z", false},
		{"/*-ab*", "/x-", false},
		{"/*b?d*", "/abcabcde", true},
		{"/*b?d*", "/abcabce", false},
	}
	for _, tt := range tests {
		table := newTable(t, Rule{Priority: 1, Conditions: Conditions{Path: Patterns{Values: []string{tt.pattern}}}, Action: fixed()})
		if _, got := table.Match(&Request{Path: tt.path}); got != tt.want {
			t.Errorf("pattern %q, path %q: match = %v, want %v", tt.pattern, tt.path, got, tt.want)
		}
	}
}

func TestConditions(t *testing.T) {
	host := func(v ...string) Conditions { return Conditions{Host: Patterns{Values: v}} }
	header := func(name string, v ...string) Conditions {
		return Conditions{Headers: []HeaderCondition{{Name: name, Patterns: Patterns{Values: v}}}}
	}
	query := func(p ...QueryPair) Conditions { return Conditions{Queries: []QueryCondition{{Pairs: p}}} }
	with := func(name string, values ...string) *Request {
		r := get("example.com/")
		r.Header = http.Header{name: values}
		return r
	}
	method := func(m string) *Request { return &Request{Method: m, Path: "/"} }
	peer := func(a string) *Request { return &Request{Path: "/", Peer: netip.MustParseAddr(a)} }

	tests := []struct {
		name string
		c    Conditions
		req  *Request
		want bool
	}{
		{"host exact", host("example.com"), get("example.com/"), true},
		{"host ignores case", host("Example.COM"), get("eXample.com/"), true},
		{"host ignores the port", host("example.com"), get("example.com:8443/"), true},
		{"host wildcard", host("*.example.com"), get("a.example.com/"), true},
		{"host wildcard over labels", host("*.example.com"), get("a.b.example.com/"), true},
		{"host wildcard needs the dot", host("*.example.com"), get("example.com/"), false},
		{"host is anchored", host("example.com"), get("example.com.evil/"), false},
		{"host one character", host("v?.example.com"), get("V1.example.com:80/"), true},
		{"host literal in the middle ignores case", host("*.eu.*.com"), get("a.EU.b.com/"), true},
		{"host IPv6", host("[2001:db8::1]"), get("[2001:db8::1]:8080/"), true},
		{"host OR", host("a.com", "b.com"), get("b.com/"), true},
		{"host regex", Conditions{Host: Patterns{Regex: []string{`^(a|b)\.com$`}}}, get("B.com:99/"), true},
		{"host regex sees the port", Conditions{Host: Patterns{Regex: []string{`:8443$`}}}, get("b.com:8443/"), true},
		{"host regex refuses", Conditions{Host: Patterns{Regex: []string{`^a\.com$`}}}, get("b.com/"), false},

		{"path regex", Conditions{Path: Patterns{Regex: []string{`^/v\d+/`}}}, get("h/v12/x"), true},
		{"path regex is not anchored", Conditions{Path: Patterns{Regex: []string{`x$`}}}, get("h/v12/x"), true},
		{"path regex minds case", Conditions{Path: Patterns{Regex: []string{`^/V`}}}, get("h/v12"), false},
		{"path value or regex", Conditions{Path: Patterns{Values: []string{"/a"}, Regex: []string{`^/b`}}}, get("h/bb"), true},

		{"method", Conditions{Methods: []string{"GET", "HEAD"}}, method("HEAD"), true},
		{"method minds case", Conditions{Methods: []string{"GET"}}, method("get"), false},
		{"method no wildcards", Conditions{Methods: []string{"POST"}}, method("POSTX"), false},
		{"method custom", Conditions{Methods: []string{"X-CUSTOM_M"}}, method("X-CUSTOM_M"), true},

		{"header", header("user-agent", "*chrome*"), with("User-Agent", "Mozilla Chrome/1"), true},
		{"header minds no case", header("USER-AGENT", "CURL"), with("User-Agent", "curl"), true},
		{"header is anchored", header("User-Agent", "curl"), with("User-Agent", "curl/8"), false},
		{"header absent", header("X-Y", "*"), with("X-Z", "1"), false},
		{"header empty", header("X-Y", "*"), with("X-Y", ""), true},
		{"header repeated", header("X-Y", "b"), with("X-Y", "a", "b"), true},
		{"header name has no wildcard", header("X-*", "a"), with("X-Y", "a"), false},
		{"header without control characters", header("X-Y", "ab"), with("X-Y", "a\tb"), true},
		{"header backslash is a literal", header("X-Y", `a\*`), with("X-Y", `a\b`), true},
		{
			"header regex",
			Conditions{Headers: []HeaderCondition{{Name: "X-Y", Patterns: Patterns{Regex: []string{"^a+$"}}}}},
			with("X-Y", "AAA"), true,
		},
		{
			"headers AND",
			Conditions{Headers: []HeaderCondition{
				{Name: "X-Y", Patterns: Patterns{Values: []string{"a"}}},
				{Name: "X-Y", Patterns: Patterns{Values: []string{"b"}}},
			}},
			with("X-Y", "a"), false,
		},

		{"query pair", query(QueryPair{"version", "v1"}), get("h/?a=b&version=v1"), true},
		{"query minds no case", query(QueryPair{"Version", "V1"}), get("h/?vERSION=v1"), true},
		{"query any key", query(QueryPair{"", "*example*"}), get("h/?x=an-example-1"), true},
		{"query key wildcard", query(QueryPair{"v*", "1"}), get("h/?version=1"), true},
		{"query other value", query(QueryPair{"version", "v1"}), get("h/?version=v2"), false},
		{"query pair of one parameter", query(QueryPair{"a", "2"}), get("h/?a=1&b=2"), false},
		{"query repeated key", query(QueryPair{"a", "2"}), get("h/?a=1&a=2"), true},
		{"query literal star", query(QueryPair{"a", `\*`}), get("h/?a=*"), true},
		{"query literal star only", query(QueryPair{"a", `\*`}), get("h/?a=b"), false},
		{"query literal question mark", query(QueryPair{"a", `\?x`}), get("h/?a=?x"), true},
		{"query escaped backslash", query(QueryPair{"a", `\\*`}), get(`h/?a=\anything`), true},
		{"query is not decoded", query(QueryPair{"a", "b c"}), get("h/?a=b%20c"), false},
		{"query key without a value", query(QueryPair{"a", "*"}), get("h/?a"), true},
		{"query empty", query(QueryPair{"", "*"}), get("h/"), false},
		{"query with equals in the value", query(QueryPair{"a", "b=c"}), get("h/?a=b=c"), true},
		{"query semicolon is no separator", query(QueryPair{"b", "2"}), get("h/?a=1;b=2"), false},
		{"query OR", query(QueryPair{"a", "1"}, QueryPair{"b", "2"}), get("h/?b=2"), true},

		{"source", Conditions{SourceIPs: []string{"192.0.2.0/24"}}, peer("192.0.2.9"), true},
		{"source other", Conditions{SourceIPs: []string{"192.0.2.0/24"}}, peer("192.0.3.9"), false},
		{"source IPv6", Conditions{SourceIPs: []string{"10.0.0.0/8", "2001:db8::/32"}}, peer("2001:db8::5"), true},
		{"source mapped", Conditions{SourceIPs: []string{"192.0.2.0/24"}}, peer("::ffff:192.0.2.9"), true},
		{"source zone", Conditions{SourceIPs: []string{"fe80::/10"}}, peer("fe80::1%eth0"), true},
		{"source unknown", Conditions{SourceIPs: []string{"0.0.0.0/0", "::/0"}}, &Request{Path: "/"}, false},

		{
			"AND of types",
			Conditions{Path: Patterns{Values: []string{"/a"}}, Methods: []string{"GET"}},
			&Request{Method: "POST", Path: "/a"}, false,
		},
		{
			"all types",
			Conditions{
				Path: Patterns{Values: []string{"/a/*"}}, Host: Patterns{Values: []string{"*.com"}}, Methods: []string{"GET"},
				Queries:   []QueryCondition{{[]QueryPair{{"x", "1"}}}, {[]QueryPair{{"y", "2"}}}},
				SourceIPs: []string{"192.0.2.7/32"},
			},
			get("a.com/a/b?y=2&x=1"), true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// A header name with "*" is a token, so it is allowed, and literal.
			table := newTable(t, Rule{Priority: 1, Conditions: tt.c, Action: fixed()})
			if _, got := table.Match(tt.req); got != tt.want {
				t.Errorf("Match(%+v) = %v, want %v", tt.req, got, tt.want)
			}
		})
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("/session/*", "/session/a", false, false)
	f.Add("*a?b*c", "xxaybzzc", true, false)
	f.Add(`a\*b\?`, "a*b?", false, true)
	f.Fuzz(func(t *testing.T, pattern, text string, fold, escape bool) {
		if len(pattern) > 24 || len(text) > 64 {
			return // the reference is exponential
		}
		for _, c := range pattern + text {
			if isControl(c) {
				return
			}
		}
		g := newGlob(pattern, globOptions{fold: fold, escape: escape})
		if got, want := g.match(text), naiveMatch(pattern, text, fold, escape); got != want {
			t.Errorf("glob(%q, fold %v, escape %v).match(%q) = %v, want %v", pattern, fold, escape, text, got, want)
		}
	})
}

// naiveMatch is the definition of a wildcard match, written down.
func naiveMatch(p, s string, fold, escape bool) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		return naiveMatch(p[1:], s, fold, escape) || s != "" && naiveMatch(p, s[1:], fold, escape)
	case s == "":
		return false
	case p[0] == '?':
		return naiveMatch(p[1:], s[1:], fold, escape)
	case escape && p[0] == '\\' && len(p) > 1 && (p[1] == '*' || p[1] == '?' || p[1] == '\\'):
		p = p[1:]
	}
	a, b := p[0], s[0]
	if fold {
		a, b = lower(a), lower(b)
	}
	return a == b && naiveMatch(p[1:], s[1:], fold, escape)
}
