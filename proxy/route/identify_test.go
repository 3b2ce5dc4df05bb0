package route

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIdentify(t *testing.T) {
	type result struct {
		Identity
		ok bool
	}
	none := result{}
	header := func(req *Request, name string, values ...string) *Request {
		req.Header = http.Header{name: values}
		return req
	}
	site := Session{Pool: "p"}
	host := Session{Pool: "p", ID: []IDSource{"host:{id}.Preview.example.com"}}
	parts := Session{Pool: "p", ID: []IDSource{"path:{thread}", "host:edit.{client}.example.com"}, Template: "{client}-{thread}"}
	api := Session{Pool: "p", ID: []IDSource{"header:x-session-id", "hint"}}

	tests := []struct {
		name    string
		session Session
		pattern string
		req     *Request
		want    result
	}{
		{"path", site, "/session/*", get("h/session/demo/second?x"), result{Identity{"demo", "/session/demo", "/second"}, true}},
		{"slash", site, "/session/*", get("h/session/demo/"), result{Identity{"demo", "/session/demo", "/"}, true}},
		{"bare", site, "/session/*", get("h/session/demo"), result{Identity{"demo", "/session/demo", ""}, true}},
		{"rest is kept as it is", site, "/session/*", get("h/session/demo//a%2Fb/%C3%A4"), result{Identity{"demo", "/session/demo", "//a%2Fb/%C3%A4"}, true}},
		{"no id", site, "/session/*", get("h/session/"), none},
		{"no id, two slashes", site, "/session/*", get("h/session//x"), none},
		{"other path", site, "/session/*", get("h/other/x"), none},
		{"encoded slash in the id", site, "/session/*", get("h/session/a%2Fb/"), none},
		{"escaped id", site, "/session/*", get("h/session/acme%23u%40x%3at/a"), result{Identity{"acme#u@x:t", "/session/acme%23u%40x%3at", "/a"}, true}},
		{"escaped id, bare", site, "/session/*", get("h/session/u%23t"), result{Identity{"u#t", "/session/u%23t", ""}, true}},
		{"escaped twice", site, "/session/*", get("h/session/u%2523t/"), none},
		{"escape after an escaped percent sign", site, "/session/*", get("h/session/u%25%32%33t/"), none},
		{"escaped letter", site, "/session/*", get("h/session/%64emo/"), none},
		{"escaped dot", site, "/session/*", get("h/session/a%2Eb/"), none},
		{"escaped question mark", site, "/session/*", get("h/session/a%3Fb/"), none},
		{"escaped backslash", site, "/session/*", get("h/session/a%5Cb/"), none},
		{"escaped control character", site, "/session/*", get("h/session/a%00b/"), none},
		{"broken escape", site, "/session/*", get("h/session/a%2/"), none},
		{"broken escape at the end", site, "/session/*", get("h/session/a%"), none},
		{"escaped id, escaped rest", site, "/session/*", get("h/session/u%23t/a%2Fb%23"), result{Identity{"u#t", "/session/u%23t", "/a%2Fb%23"}, true}},
		{"backslash in the id", site, "/session/*", get(`h/session/a\b/`), none},
		{"root pattern", site, "/*", get("h/demo/x"), result{Identity{"demo", "/demo", "/x"}, true}},
		{"pattern goes on", site, "/s/*/edit", get("h/s/demo/edit"), result{Identity{"demo", "/s/demo", "/edit"}, true}},
		{"pattern goes on, no match", site, "/s/*/edit", get("h/s/demo/x"), none},

		{"host", host, "/*", get("demo.preview.example.com:8080/x"), result{Identity{"demo", "", "/x"}, true}},
		{"host in upper case", host, "/*", get("DEMO.preview.EXAMPLE.com/"), result{Identity{"demo", "", "/"}, true}},
		{"host without id", host, "/*", get("preview.example.com/"), none},
		{"host with an empty label", host, "/*", get(".preview.example.com/"), none},
		{"host with more labels", host, "/*", get("a.demo.preview.example.com/"), none},
		{"host longer", host, "/*", get("demo.preview.example.com.evil/"), none},
		{
			"host with text around",
			Session{Pool: "p", ID: []IDSource{"host:pr-{id}-x.example.com"}},
			"/*",
			get("pr-demo-x.example.com/"),
			result{Identity{"demo", "", "/"}, true},
		},
		{
			"host with text around, no id",
			Session{Pool: "p", ID: []IDSource{"host:pr-{id}-x.example.com"}},
			"/*",
			get("pr--x.example.com/"), none,
		},

		{"parts", parts, "/session/*", get("edit.acme.example.com/session/t1/a"), result{Identity{"acme-t1", "/session/t1", "/a"}, true}},
		{"parts, host missing", parts, "/session/*", get("edit.example.com/session/t1/a"), none},
		{"parts, path missing", parts, "/session/*", get("edit.acme.example.com/session/"), none},

		{"header", api, "/api/*", header(get("h/api/x"), "X-Session-Id", "demo"), result{Identity{"demo", "", "/api/x"}, true}},
		{"header twice", api, "/api/*", header(get("h/api/x"), "X-Session-Id", "demo", "other"), none},
		{"header empty", api, "/api/*", header(get("h/api/x"), "X-Session-Id", ""), none},
		{"header absent", api, "/api/*", get("h/api/x"), none},
		{"only a hint", Session{Pool: "p", ID: []IDSource{"hint"}}, "/preview/*", get("h/preview/x"), none},
		{
			"first source wins",
			Session{Pool: "p", ID: []IDSource{"path", "header:X-Session-ID"}},
			"/s/*",
			header(get("h/s/one/x"), "X-Session-Id", "two"),
			result{Identity{"one", "/s/one", "/x"}, true},
		},
		{
			"second source",
			Session{Pool: "p", ID: []IDSource{"path", "header:X-Session-ID"}},
			"/s/*",
			header(get("h/s/"), "X-Session-Id", "two"),
			result{Identity{"two", "", "/s/"}, true},
		},
		{
			"header under a name",
			Session{Pool: "p", ID: []IDSource{"path", "header:X-Client:{client}"}, Template: "{client}#{id}"},
			"/s/*",
			header(get("h/s/t/x"), "X-Client", "acme"),
			result{Identity{"acme#t", "/s/t", "/x"}, true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := newTable(t, Rule{Priority: 1, Conditions: paths(tt.pattern), Action: &tt.session})
			for rule := range table.Rules() {
				var got result
				got.Identity, got.ok = rule.Identify(tt.req)
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{})); diff != "" {
					t.Errorf("Identify (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestIdentifyOtherActions(t *testing.T) {
	rule, _ := newTable(t, Rule{Default: true, Action: fixed()}).Match(get("h/session/demo/"))
	if id, ok := rule.Identify(get("h/session/demo/")); ok {
		t.Errorf("Identify = %+v, want none", id)
	}
}

func TestUsesHint(t *testing.T) {
	if (&Session{}).UsesHint() || !(&Session{ID: []IDSource{"path", "hint"}}).UsesHint() {
		t.Error("UsesHint is true exactly if hint is among the sources")
	}
}

func TestBare(t *testing.T) {
	rule, _ := newTable(t, Rule{Priority: 1, Conditions: paths("/session/*"), Action: &Session{Pool: "p"}}).Match(get("h/session/demo"))
	tests := []struct {
		url, want string // want is "" if the path is not bare
	}{
		{"h/session/demo", "/session/demo/"},
		{"h/session/demo?a=1&b=%20", "/session/demo/?a=1&b=%20"},
		{"h/session/demo?a=\r\nX: y", "/session/demo/?a=%0D%0AX:%20y"},
		{"h/session/demo/", ""},
		{"h/session/demo/x", ""},
	}
	for _, tt := range tests {
		req := get(tt.url)
		id, ok := rule.Identify(req)
		if !ok || id.Bare() != (tt.want != "") {
			t.Errorf("Identify(%q) = %+v, %v: bare is wrong", tt.url, id, ok)
		}
		if got := id.SlashLocation(req.Query); id.Bare() && got != tt.want {
			t.Errorf("SlashLocation(%q) = %q, want %q", tt.url, got, tt.want)
		}
	}
}

func TestFromReferer(t *testing.T) {
	table := newTable(t,
		Rule{Priority: 1, Conditions: paths("/session/closed/*"), Action: fixed()},
		Rule{Priority: 2, Conditions: paths("/session/*"), Action: &Session{Pool: "p"}},
		Rule{Priority: 3, Conditions: Conditions{Host: Patterns{Values: []string{"*.preview.example.com"}}}, Action: &Session{Pool: "p", ID: []IDSource{"host:{id}.preview.example.com"}}},
		Rule{Priority: 4, Conditions: paths("/_astro/*"), Action: &Session{Pool: "p", ID: []IDSource{"hint"}}},
	)
	tests := []struct {
		referer, host string
		want          string // id, prefix; "" if there is none
	}{
		{"https://edit.example.com/session/demo/a?b#c", "edit.example.com", "demo /session/demo 2"},
		{"http://EDIT.example.com:8080/session/demo", "edit.example.com:8080", "demo /session/demo 2"},
		{"https://a.preview.example.com/", "a.preview.example.com", "a  3"},
		{"https://a.preview.example.com", "a.preview.example.com", "a  3"},
		{"https://evil.example.com/session/demo/", "edit.example.com", ""},
		{"https://edit.example.com/session/closed/x", "edit.example.com", ""}, // another rule's page
		{"https://edit.example.com/_astro/x.css", "edit.example.com", ""},     // a hint is no hint
		{"https://edit.example.com/session/../session/demo/", "edit.example.com", ""},
		{"https://edit.example.com/session/%2e%2e/demo/", "edit.example.com", ""},
		{"https://edit.example.com/", "edit.example.com", ""},
		{"https://u:p@edit.example.com/session/demo/", "edit.example.com", ""},
		{"/session/demo/", "edit.example.com", ""},
		{"about:blank", "edit.example.com", ""},
		{"https:///session/demo/", "", ""},
		{"https://", "", ""},
		{"", "edit.example.com", ""},
	}
	for _, tt := range tests {
		req := get(tt.host + "/_astro/x.js")
		got := ""
		if id, rule, ok := table.FromReferer(tt.referer, req); ok {
			got = id.ID + " " + id.Prefix + " " + rule.String()
		}
		if got != tt.want {
			t.Errorf("FromReferer(%q, host %q) = %q, want %q", tt.referer, tt.host, got, tt.want)
		}
	}
}

func TestIdentifyDoesNotAllocate(t *testing.T) {
	table := newTable(t, Rule{Priority: 1, Conditions: paths("/session/*"), Action: &Session{Pool: "p"}})
	req := get("h/session/demo/second")
	rule, _ := table.Match(req)
	if n := testing.AllocsPerRun(100, func() { rule.Identify(req) }); n != 0 {
		t.Errorf("Identify allocates %v times, want 0", n)
	}
	asset := get("h/_astro/x.js")
	if n := testing.AllocsPerRun(100, func() { table.FromReferer("https://h/session/demo/", asset) }); n != 0 {
		t.Errorf("FromReferer allocates %v times, want 0", n)
	}
}

// Whatever stands in a rule, making a table of it and using it must not panic.
func FuzzSessionRule(f *testing.F) {
	f.Add("/session/*", "path", "{id}", "h", "/session/demo/x")
	f.Add("/*", "host:{a}.{b}.com", "{a}-{b}", "x.y.com:80", "/")
	f.Add("/*", "header:X-A:{client}", "{client}", "h", "/a")
	f.Fuzz(func(t *testing.T, pattern, source, template, host, path string) {
		table, err := NewTable([]Rule{{
			Priority: 1, Conditions: paths(pattern),
			Action: &Session{Pool: "p", ID: []IDSource{IDSource(source)}, Template: template},
		}})
		if err != nil {
			return
		}
		req := &Request{Host: host, Path: path, Header: http.Header{"X-A": {"v"}}}
		rule, ok := table.Match(req)
		if !ok {
			return
		}
		id, ok := rule.Identify(req)
		switch {
		case ok && id.ID == "":
			t.Errorf("Identify found an empty id in %q", path)
		case ok && id.Prefix+id.Rest != path:
			t.Errorf("Identify cut %q into %q and %q", path, id.Prefix, id.Rest)
		case ok && id.Bare() && len(path) > 1 && (path[1] == '/' || path[1] == '\\'):
			t.Errorf("SlashLocation = %q leaves the host", id.SlashLocation(""))
		}
	})
}
