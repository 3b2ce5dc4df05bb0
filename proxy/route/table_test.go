package route

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func paths(v ...string) Conditions { return Conditions{Path: Patterns{Values: v}} }

func TestMatchTakesTheLowestPriority(t *testing.T) {
	table := newTable(t,
		Rule{Default: true, Action: &Static{Dir: "site"}},
		Rule{Priority: 20, Conditions: paths("/preview/*", "/_astro/*"), Action: fixed()},
		Rule{Priority: 15, Conditions: paths("/session/*"), Action: fixed()},
		Rule{Priority: 50000, Name: "last", Conditions: paths("/*"), Action: fixed()},
		Rule{Priority: 4, Conditions: paths("/hermes/api/sessions/*"), Action: &Management{}},
		Rule{Priority: 5, Conditions: paths("/hermes/*"), Action: fixed()},
	)
	tests := []struct{ path, want string }{
		{"/hermes/api/sessions/x", "4"},
		{"/hermes/api", "5"},
		{"/session/preview/x", "15"},
		{"/_astro/x.js", "20"},
		{"/other", "last"},
		{"*", "default"}, // OPTIONS *
	}
	for _, tt := range tests {
		r, ok := table.Match(&Request{Path: tt.path})
		if !ok || r.String() != tt.want {
			t.Errorf("Match(%s) = %v, %v, want %s", tt.path, r, ok, tt.want)
		}
	}

	var order []string
	for r := range table.Rules() {
		if r.Index() != len(order) {
			t.Errorf("rule %s: Index() = %d, want %d", r, r.Index(), len(order))
		}
		order = append(order, r.String())
	}
	if diff := cmp.Diff([]string{"4", "5", "15", "20", "last", "default"}, order); diff != "" {
		t.Errorf("Rules() (-want +got):\n%s", diff)
	}
	for range table.Rules() {
		break // an iterator that is left early must not go on
	}
}

func TestMatchWithoutDefault(t *testing.T) {
	table := newTable(t, Rule{Priority: 1, Conditions: paths("/a"), Action: fixed()})
	if r, ok := table.Match(get("h/b")); ok {
		t.Errorf("Match = %v, want none", r)
	}
	if got := table.Explain(get("h/b")); len(got) != table.Len() || got[0].Matched {
		t.Errorf("Explain = %+v, want one rule that does not match", got)
	}
	if r, ok := newTable(t).Match(get("h/b")); ok {
		t.Errorf("Match in an empty table = %v, want none", r)
	}
}

func TestRuleString(t *testing.T) {
	for want, r := range map[string]Rule{"a": {Name: "a", Priority: 1}, "7": {Priority: 7}, "default": {Default: true}} {
		if got := r.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

// The caller's slice stays the caller's.
func TestNewTableCopies(t *testing.T) {
	rules := []Rule{{Default: true, Action: fixed()}, {Priority: 1, Conditions: paths("/a"), Action: fixed()}}
	table := newTable(t, rules...)
	rules[1].Priority = 7
	rules[1].Conditions.Path.Values[0] = "/b"
	if r, _ := table.Match(get("h/a")); r.Priority != 1 {
		t.Errorf("Match(/a) = rule %s, want 1", r)
	}
	if !rules[0].Default {
		t.Error("NewTable sorted the caller's slice")
	}
}

func TestFromHTTP(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://h.example:80/a%2Fb//c?q=1;2", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-A", "1")
	got := FromHTTP(r, netip.MustParseAddr("::ffff:192.0.2.1"))
	want := Request{
		Method: "GET", Host: "h.example:80", Path: "/a%2Fb//c", Query: "q=1;2",
		Header: http.Header{"X-A": {"1"}}, Peer: netip.MustParseAddr("192.0.2.1"),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("FromHTTP (-want +got):\n%s", diff)
	}
}

func TestNewTableReportsEveryMistake(t *testing.T) {
	query := func(s string) *string { return &s }
	session := func(s Session, c Conditions) Rule { return Rule{Priority: 1, Conditions: c, Action: &s} }
	action := func(a Action) Rule { return Rule{Priority: 1, Conditions: paths("/*"), Action: a} }
	extras := func(r Rule) Rule {
		r.Priority, r.Conditions, r.Action = 1, paths("/*"), fixed()
		return r
	}
	conditions := func(c Conditions) Rule { return Rule{Priority: 1, Conditions: c, Action: fixed()} }
	tests := []struct {
		name  string
		rules []Rule
		want  []string // a part of each message, in order
	}{
		{"priority 0", []Rule{{Conditions: paths("/"), Action: fixed()}}, []string{"rule 0: priority: must be 1 to 50000"}},
		{"priority 50001", []Rule{{Priority: 50001, Conditions: paths("/"), Action: fixed()}}, []string{"rule 50001: priority"}},
		{
			"same priority and name",
			[]Rule{
				{Priority: 3, Name: "a", Conditions: paths("/"), Action: fixed()},
				{Priority: 3, Name: "a", Conditions: paths("/"), Action: fixed()},
			},
			[]string{"rule 3: priority: used", `rule 3: name: "a" is used`},
		},
		{"two defaults", []Rule{{Default: true, Action: fixed()}, {Default: true, Action: fixed()}}, []string{"rule default: priority: used"}},
		{"default with priority", []Rule{{Default: true, Priority: 1, Action: fixed()}}, []string{"rule default: priority: the default rule has none"}},
		{"default with conditions", []Rule{{Default: true, Conditions: paths("/"), Action: fixed()}}, []string{"rule default: default: "}},
		{"no conditions", []Rule{{Priority: 9, Action: fixed()}}, []string{"rule 9: conditions: there are none"}},
		{"no action", []Rule{{Priority: 9, Conditions: paths("/")}}, []string{"rule 9: action: there is none"}},

		{"path", []Rule{conditions(paths("", "session/*", "/a b", "/a#b", "/ä"))}, []string{
			`path: "" never matches`, `path: "session/*" never matches`, `path: "/a b" holds`, `path: "/a#b"`, `path: "/ä"`,
		}},
		{"path regex", []Rule{conditions(Conditions{Path: Patterns{Regex: []string{"(?=a)"}}})}, []string{"rule 1: path: regular expression"}},
		{"host", []Rule{conditions(Conditions{Host: Patterns{Values: []string{"", "a_b/c", "h.com:80"}}})}, []string{
			`host: "" is no`, `host: "a_b/c" is no`, `host: "h.com:80": leave the port out`,
		}},
		{"method", []Rule{conditions(Conditions{Methods: []string{"get", ""}})}, []string{`method: "get"`, `method: ""`}},
		{"header", []Rule{conditions(Conditions{Headers: []HeaderCondition{
			{Name: "a b", Patterns: Patterns{Values: []string{"x"}}},
			{Name: "host", Patterns: Patterns{Values: []string{"x"}}},
			{Name: "X-A"},
			{Name: "X-A", Patterns: Patterns{Values: []string{"a\nb"}, Regex: []string{"["}}},
		}})}, []string{`"a b" is no header name`, "use host", "X-A has no value", "control character", "regular expression"}},
		{"query", []Rule{conditions(Conditions{Queries: []QueryCondition{{}, {Pairs: []QueryPair{{Key: "a"}, {Value: "\x00"}}}}})}, []string{
			"query: has no value", `query: key "a" has no value`, "query: \"=\\x00\" holds",
		}},
		{"source", []Rule{conditions(Conditions{SourceIPs: []string{"192.0.2.1", "255.255.255.255/32"}})}, []string{
			`source_ip: "192.0.2.1" is no prefix`, "nobody's address",
		}},

		{"session", []Rule{session(Session{Port: 70000, Prefix: "drop"}, paths("/s/*"))}, []string{
			"session.pool: missing", "session.port: 70000", "session.prefix",
		}},
		{"session id of a path", []Rule{session(Session{Pool: "p"}, paths("/s", "/s*", "/a?/*", "/a//*", "*"))}, []string{
			`"/s" has no /*`, `"/s*"`, `"/a?/*"`, `"/a//*"`, `"*"`,
		}},
		{"session id without a path", []Rule{{Default: true, Action: &Session{Pool: "p"}}}, []string{"rule default: session.id: path: the rule needs"}},
		{"session id of a regex", []Rule{session(Session{Pool: "p"}, Conditions{Path: Patterns{Regex: []string{"^/s/"}}})}, []string{"session.id: path: the rule needs"}},
		{
			"session sources",
			[]Rule{session(Session{Pool: "p", ID: []IDSource{
				"hint", "cookie:a", "header:", "header:Host", "header:X-A:id", "path:{a-b}",
				"host:a.example.com", "host:{a}{b}.example.com", "host:{a.example.com", "host:{id}..com", "host:}a{.com",
			}}, paths("/s/*"))},
			[]string{
				"hint must be the last", `"cookie:a" is none of`, `"header:" names no`, `"header:Host" names no`, `"id" is no {name}`,
				`"{a-b}" is no {name}`, "host:a.example.com holds no", `"{a}{b}" is no label`, `"{a" is no label with one`,
				`"" is no label`, `"}a{" is no label with one`, `"}a{" is no label of`,
			},
		},
		{"session template", []Rule{session(Session{Pool: "p", Template: "{client}-{id}"}, paths("/s/*"))}, []string{"session.template: no source finds {client}"}},
		{"session template without id", []Rule{session(Session{Pool: "p", ID: []IDSource{"host:edit.{client}.com"}}, paths("/s/*"))}, []string{"no source finds {id}"}},
		{"session template constant", []Rule{session(Session{Pool: "p", Template: "all"}, paths("/s/*"))}, []string{"all sessions would be one"}},
		{"session template unclosed", []Rule{session(Session{Pool: "p", Template: "a{id"}, paths("/s/*"))}, []string{"{id is no {name}"}},
		{"session template of a hint", []Rule{session(Session{Pool: "p", ID: []IDSource{"hint"}, Template: "x{id}"}, paths("/s/*"))}, []string{"a hint is a whole id"}},
		{
			"session with too many names",
			[]Rule{session(Session{Pool: "p", ID: []IDSource{"path", "host:{a}.{b}.{c}.{d}.{e}.{f}.{g}.{h}"}}, paths("/s/*"))},
			[]string{"more than 8 names"},
		},

		{"forward", []Rule{action(&Forward{})}, []string{"forward: needs urls, an upstream or a pool"}},
		{"forward both", []Rule{action(&Forward{Groups: []ForwardGroup{{Upstream: &Upstream{URLs: []string{"http://a"}}, Pool: "p", Port: -1}}})}, []string{"forward: needs either", "forward.port: -1"}},
		{"forward neither", []Rule{action(&Forward{Groups: []ForwardGroup{{Weight: 1000}, {Weight: -1}}})}, []string{
			"forward: needs either", "forward.weight: 1000 is not", "forward: needs either", "forward.weight: -1 is not",
		}},
		{"forward urls", []Rule{action(&Forward{Groups: []ForwardGroup{{Port: 80, Upstream: &Upstream{URLs: []string{
			"http://a/", "a:80", "ftp://a", "http://", "http://u:p@a", "http://a/x", "http://a?q", "http://a\n",
		}}}}})}, []string{
			"forward.port: belongs", `"a:80": must begin`, `"ftp://a"`, `"http://": has no host`, "password", `"http://a/x": must end`, `"http://a?q"`, "is no URL",
		}},
		{"upstream", []Rule{action(&Forward{Groups: []ForwardGroup{{Upstream: &Upstream{
			Name: "u", URLs: []string{"http://a", "http://a"}, Algorithm: "random", DrainTimeout: -1,
			HealthCheck: &HealthCheck{Path: "x", Port: -1, Interval: time.Second, HealthyThreshold: -1, UnhealthyThreshold: -1, Matcher: "2xx"},
		}}}})}, []string{
			`upstream u: urls: "http://a": is there twice`, `upstream u: algorithm: "random" is neither`, "upstream u: drain_timeout: is negative",
			`upstream u: health_check.path: "x" is no path`, "health_check.port", "health_check.timeout: must not be longer",
			"health_check.healthy_threshold", "health_check.unhealthy_threshold", `health_check.matcher: "2xx" holds no status`,
		}},
		{"host mode", []Rule{action(&Forward{Groups: []ForwardGroup{{Pool: "p"}}, Host: "x"})}, []string{`forward.host: "x" is neither`}},
		{"session host mode", []Rule{session(Session{Pool: "p", Host: "x"}, paths("/s/*"))}, []string{`session.host: "x" is neither`}},
		{"rewrite", []Rule{extras(Rule{Rewrite: Rewrite{
			Path: Replacement{Regex: "(", Replace: "/a?b"}, Host: Replacement{Replace: "x"},
		}})}, []string{"rewrite.path.regex: error parsing", "rewrite.host.regex: is missing", `rewrite.path.replace: "/a?b" holds ?`}},
		{"rewrite groups", []Rule{extras(Rule{Rewrite: Rewrite{
			Path: Replacement{Regex: "^/(a)", Replace: "/$2 "}, Host: Replacement{Regex: "(?P<x>.*)", Replace: "${y}"},
		}})}, []string{"percent-encoded", "no group 2", "no group y"}},
		{"rewrite dollar", []Rule{extras(Rule{Rewrite: Rewrite{Path: Replacement{Regex: "a", Replace: "$x"}}})}, []string{"is written $$"}},
		{
			"response headers",
			[]Rule{extras(Rule{ResponseHeaders: ResponseHeaders{
				Set: map[string]string{
					"connection": "close", "a b": "", "X-A": "1", "x-a": "2", "X-B": "a\r\nb", "set-cookie": "a=b", "Sec-WebSocket-Accept": "x",
				},
				Remove: []string{"Content-Length", "X-B"},
			}})},
			[]string{
				"Sec-Websocket-Accept belongs to", "the value of X-B holds", `"a b" is no header name`, "Connection belongs to",
				"Set-Cookie would take", "X-A is named twice", "remove: Content-Length belongs to", "remove: X-B is set, too",
			},
		},
		{
			"limits",
			[]Rule{extras(Rule{Limits: Limits{BodyBytes: -1, ResponseTimeout: -1, HoldTimeout: 1, PageGrace: 1}})},
			[]string{"limits.body_bytes: is negative", "limits.response_timeout: is negative", "limits.hold_timeout: belongs to", "limits.page_grace: belongs to"},
		},
		{"static", []Rule{action(&Static{CacheControl: "a\r\nb"})}, []string{"static: needs either", "static.cache_control"}},
		{"management", []Rule{action(&Management{Base: "hermes/*/"}), {Priority: 2, Conditions: paths("/hermes/*"), Action: &Management{}}, {
			Priority: 3, Conditions: paths("/a/api/sessions/*", "/b/api/sessions/*"), Action: &Management{},
		}}, []string{`management.base: "hermes/*/" is no path`, `management.base: is needed: the path "/hermes/*"`, "the rule's paths have several"}},
		{"static s3", []Rule{action(&Static{S3: "A/b"}), {Default: true, Action: &Static{Dir: "x", Prefix: "p/", Region: "r", Index: "../x", Fallback: "/x", ErrorDocument: "a//b"}}}, []string{
			`static.s3: "A/b" is no name`, "static.prefix: belongs to s3", "static.region: belongs to s3", `static.index: "../x"`, `static.error_document: "a//b"`, `static.fallback: "/x"`,
		}},
		{"fixed", []Rule{action(&FixedResponse{StatusCode: 301, ContentType: "text"})}, []string{"fixed_response.status_code: 301"}},
		{"fixed body", []Rule{action(&FixedResponse{StatusCode: 204, ContentType: "a/b;\r\n", Body: "x"})}, []string{"fixed_response.body", "fixed_response.content_type"}},
		{"redirect", []Rule{action(&Redirect{StatusCode: 200, Protocol: "FTP", Host: "a b", Port: "x", Path: "a"})}, []string{
			"redirect.status_code", "redirect.protocol", "redirect.host", "redirect.port", "redirect.path",
		}},
		{"redirect keywords", []Rule{action(&Redirect{Host: "#{port}", Path: "/#{query}", Query: query("#{x}")})}, []string{
			"redirect.host: #{port}", "redirect.path: #{query}", "redirect.query: #{x}",
		}},
		{"redirect characters", []Rule{action(&Redirect{Path: "/a?b", Query: query("?a"), Port: "0"})}, []string{"redirect.port", "redirect.path", "redirect.query"}},
		{"redirect to itself", []Rule{action(&Redirect{Protocol: "#{protocol}", Host: "#{host}", Port: "#{port}", Path: "/#{path}", Query: query("a")})}, []string{"lead to itself"}},
		{"redirect unclosed", []Rule{action(&Redirect{Host: "#{host", Path: "/#{path"})}, []string{"redirect.host", "redirect.path"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewTable(tt.rules)
			if err == nil {
				t.Fatal("NewTable = nil, want mistakes")
			}
			got := strings.Split(err.Error(), "\n")
			if len(got) != len(tt.want) {
				t.Fatalf("NewTable: %d mistakes, want %d:\n%v", len(got), len(tt.want), err)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("mistake %d = %q, want %q in it", i, got[i], want)
				}
			}
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				if re, ok := errors.AsType[*RuleError](e); !ok || re.Rule == "" || re.Field == "" || re.Index >= len(tt.rules) {
					t.Errorf("%#v is no RuleError that names its place", e)
				}
			}
		})
	}
}

func TestExplain(t *testing.T) {
	table := newTable(t,
		Rule{Priority: 1, Conditions: Conditions{Host: Patterns{Values: []string{"a.com"}, Regex: []string{"^b"}}}, Action: fixed()},
		Rule{Priority: 2, Conditions: Conditions{Methods: []string{"POST"}}, Action: fixed()},
		Rule{Priority: 3, Conditions: Conditions{Headers: []HeaderCondition{{"x-a", Patterns{Values: []string{"1"}}}}}, Action: fixed()},
		Rule{Priority: 4, Conditions: Conditions{Queries: []QueryCondition{{[]QueryPair{{"k", "v"}, {"", "w"}}}}}, Action: fixed()},
		Rule{Priority: 5, Conditions: Conditions{SourceIPs: []string{"10.0.0.0/8"}}, Action: fixed()},
		Rule{Priority: 6, Conditions: paths("/y"), Action: fixed()},
		Rule{Priority: 7, Conditions: paths("/x"), Action: fixed()},
		Rule{Default: true, Action: fixed()},
	)
	req := get("c.com:80/x?k=2")
	type verdict struct {
		rule, field string
		matched     bool
		got, want   []string
	}
	var list []verdict
	for _, v := range table.Explain(req) {
		c := v.Checks[0]
		if c.Holds != v.Matched {
			t.Errorf("rule %s: Matched = %v, but its only condition: %v", v.Rule, v.Matched, c.Holds)
		}
		list = append(list, verdict{v.Rule.String(), c.Field, v.Matched, c.Got, c.Want})
	}
	want := []verdict{
		{rule: "1", field: "host", got: []string{"c.com:80"}, want: []string{"a.com", "/^b/"}},
		{rule: "2", field: "method", got: []string{"GET"}, want: []string{"POST"}},
		{rule: "3", field: "header X-A", want: []string{"1"}},
		{rule: "4", field: "query", got: []string{"k=2"}, want: []string{"k=v", "w"}},
		{rule: "5", field: "source_ip", got: []string{"192.0.2.7"}, want: []string{"10.0.0.0/8"}},
		{rule: "6", field: "path", got: []string{"/x"}, want: []string{"/y"}},
		{rule: "7", field: "path", matched: true, got: []string{"/x"}, want: []string{"/x"}},
	}
	if diff := cmp.Diff(want, list, cmp.AllowUnexported(verdict{})); diff != "" {
		t.Errorf("Explain (-want +got):\n%s", diff)
	}

	var none []string
	for _, v := range table.Explain(&Request{}) {
		got := 0
		for _, c := range v.Checks {
			got += len(c.Got)
		}
		none = append(none, fmt.Sprint(v.Rule, " ", got))
	}
	if !slices.Equal(none, []string{"1 0", "2 0", "3 0", "4 0", "5 0", "6 0", "7 0", "default 0"}) {
		t.Errorf("Explain of an empty request = %v", none)
	}
}

// hundredRules is a table whose last rule is the only one that takes a request.
func hundredRules(tb testing.TB) *Table {
	rules := []Rule{{Default: true, Action: fixed()}}
	for i := range 100 {
		p := Patterns{Values: []string{fmt.Sprintf("/session/*/area-%d/*", i), fmt.Sprintf("/team/%d/*", i)}}
		rules = append(rules, Rule{
			Priority: i + 1, Action: fixed(),
			Conditions: Conditions{Host: Patterns{Values: []string{"*.example.com", "localhost"}}, Path: p},
		})
	}
	return newTable(tb, rules...)
}

func BenchmarkMatch(b *testing.B) {
	table := hundredRules(b)
	req := get("edit.example.com:8080/session/0123456789abcdef0123456789abcdef/_astro/deep/folder/with/files/module.D1.js?v=1")
	b.ReportAllocs()
	for b.Loop() {
		if r, ok := table.Match(req); !ok || !r.Default {
			b.Fatal("no match")
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	table := hundredRules(t)
	req := get("EDIT.example.com:8080/session/demo/x")
	if n := testing.AllocsPerRun(100, func() { table.Match(req) }); n != 0 {
		t.Errorf("Match allocates %v times, want 0", n)
	}
}
