package proxy

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/route"
)

// explainTable has an action of every kind.
func explainTable(t *testing.T) *route.Table {
	t.Helper()
	path := func(pattern string) route.Conditions {
		return route.Conditions{Path: route.Patterns{Values: []string{pattern}}}
	}
	office := path("/office/*")
	office.SourceIPs = []string{"192.0.2.0/24"}
	table, err := route.NewTable([]route.Rule{
		{Priority: 4, Conditions: path("/hermes/api/*"), Action: &route.Management{Base: "/hermes"}},
		{Priority: 5, Conditions: path("/hermes/*"), Action: route.ForwardTo("http://a:1", "http://b:1")},
		{Priority: 6, Conditions: path("/own/*"), Action: withSitesHost(route.ForwardTo("http://a:1"))},
		{Priority: 7, Conditions: path("/split/*"), Action: &route.Forward{Groups: []route.ForwardGroup{
			{Upstream: &route.Upstream{Name: "blue", URLs: []string{"http://a:1"}}, Weight: 9}, {Pool: "green", Port: 81, Weight: 1},
		}}},
		{Priority: 10, Conditions: path("/api/*"), Action: &route.Session{
			Pool: "edit", Port: 8080, Prefix: route.PrefixKeep, Host: route.HostPreserve,
			ID: []route.IDSource{"header:X-Session-ID", route.SourceHint}, AllowGuessable: true,
		}},
		{Priority: 15, Conditions: path("/session/*"), Action: &route.Session{Pool: "edit", AllowGuessable: true}},
		{Priority: 20, Conditions: path("/files/*"), Action: &route.Static{Dir: "site"}},
		{Priority: 21, Conditions: path("/secure/*"), Action: &route.Redirect{Protocol: "HTTPS", Port: "443", StatusCode: 301}},
		{
			Priority: 23, Conditions: path("/moved/*"), Action: route.ForwardTo("http://a:1"),
			Rewrite: route.Rewrite{Path: route.Replacement{Regex: "^/moved", Replace: "/to"}, Host: route.Replacement{Regex: "^w$", Replace: "v"}},
		},
		{
			Priority: 24, Conditions: path("/edit/*"), Action: &route.Session{Pool: "edit", AllowGuessable: true},
			Rewrite: route.Rewrite{Path: route.Replacement{Regex: "^/x", Replace: "/y"}},
		},
		{Priority: 25, Conditions: path("/dots/*"), Action: route.ForwardTo("http://a:1"), Rewrite: route.Rewrite{Path: route.Replacement{Regex: "/x", Replace: "/."}}},
		{Priority: 26, Conditions: path("/bad/*"), Action: route.ForwardTo("http://a:1"), Rewrite: route.Rewrite{Path: route.Replacement{Regex: "^/", Replace: ""}}},
		{Priority: 30, Conditions: office, Action: &route.FixedResponse{StatusCode: 204}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestExplainActions(t *testing.T) {
	t.Parallel()
	table := explainTable(t)
	page := &ExplainedSession{ID: "demo", Prefix: "/session/demo"}
	tests := []struct {
		name, method, url string
		header            http.Header
		want              ExplainedAction
	}{
		{"forward", "GET", "http://w/hermes//a%2Fb", nil, ExplainedAction{
			Kind: "forward", Upstreams: []string{"http://a:1", "http://b:1"}, Path: "/hermes//a%2Fb", Host: "w",
		}},
		{"forward with its own host", "GET", "http://w/own/", nil, ExplainedAction{Kind: "forward", Upstreams: []string{"http://a:1"}, Path: "/own/"}},
		{"forward by weights", "GET", "http://w/split/", nil, ExplainedAction{
			Kind: "forward", Path: "/split/", Host: "w",
			Groups: []ExplainedGroup{{Weight: 9, Name: "blue", Upstreams: []string{"http://a:1"}}, {Weight: 1, Pool: "green", Port: 81}},
		}},
		{"management", "GET", "http://w/hermes/api/sessions/x/status", nil, ExplainedAction{Kind: "management", Path: "/api/sessions/x/status"}},
		{"management without a call", "GET", "http://w/hermes/api/", nil, ExplainedAction{
			Kind: "answer", Status: 404, Reason: "the path is none of the management API's",
		}},
		{"session", "GET", "http://w/session/demo/x?y", nil, ExplainedAction{
			Kind: "session", Pool: "edit", Path: "/x", Session: &ExplainedSession{
				ID: "demo", Prefix: "/session/demo", Sources: []ExplainedSource{{"path", map[string]string{"id": "demo"}}},
			},
		}},
		{"session without a slash", "GET", "http://w/session/demo?y", nil, ExplainedAction{
			Kind: "answer", Status: 308, Location: "/session/demo/?y", Pool: "edit",
			Reason: "the path ends with the session's id: relative links would miss their prefix",
			Session: &ExplainedSession{
				ID: "demo", Prefix: "/session/demo", Sources: []ExplainedSource{{"path", map[string]string{"id": "demo"}}},
			},
		}},
		{"session by a header, unchanged", "GET", "http://w/api/x", http.Header{"X-Session-Id": {"demo"}}, ExplainedAction{
			Kind: "session", Pool: "edit", Port: 8080, Path: "/api/x", Host: "w", Session: &ExplainedSession{
				ID: "demo", Sources: []ExplainedSource{{"header:X-Session-ID", map[string]string{"id": "demo"}}},
			},
		}},
		{"session by a page", "GET", "http://w/api/x?y", http.Header{"Referer": {"http://w/session/demo/"}}, ExplainedAction{
			Kind: "answer", Status: 307, Location: "/session/demo/api/x?y",
			Reason: "the Referer is a page of session demo (rule 15)",
			Session: &ExplainedSession{
				ID: "demo", Prefix: "/session/demo", Sources: []ExplainedSource{{"header:X-Session-ID", map[string]string{}}},
			},
		}},
		{"socket without a session named", "GET", "http://w/api/x", http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Referer": {"http://w/session/demo/"},
		}, ExplainedAction{
			Kind: "session", Pool: "edit", Port: 8080,
			Reason:  "no source names a session; its dev server's token may, which is not known here",
			Session: &ExplainedSession{Sources: []ExplainedSource{{"header:X-Session-ID", map[string]string{}}}},
		}},
		{"no session named", "GET", "http://w/api/x", nil, ExplainedAction{
			Kind: "answer", Status: 404, Reason: "no source names a session, and neither does a Referer", Pool: "edit", Port: 8080,
			Session: &ExplainedSession{Sources: []ExplainedSource{{"header:X-Session-ID", map[string]string{}}}},
		}},
		{"static", "GET", "http://w/files/a", nil, ExplainedAction{Kind: "static", Files: "site", Path: "/files/a"}},
		{"redirect", "GET", "http://w:80/secure/a?b", nil, ExplainedAction{Kind: "redirect", Status: 301, Location: "https://w/secure/a?b"}},
		{"fixed response", "GET", "http://w/office/", nil, ExplainedAction{Kind: "fixed_response", Status: 204}},
		{"no rule, but a page", "GET", "http://w/logo.png", http.Header{"Referer": {"http://w/session/demo/"}}, ExplainedAction{
			Kind: "answer", Status: 307, Location: "/session/demo/logo.png", Reason: "the Referer is a page of session demo (rule 15)", Session: page,
		}},
		{"no rule", "GET", "http://w/none", nil, ExplainedAction{Kind: "answer", Status: 404, Reason: "no rule takes it"}},
		{"rewritten", "GET", "http://w:8080/moved/a", nil, ExplainedAction{Kind: "forward", Upstreams: []string{"http://a:1"}, Path: "/to/a", Host: "v:8080"}},
		{"rewritten behind the prefix", "GET", "http://w/edit/demo/x", nil, ExplainedAction{
			Kind: "session", Pool: "edit", Path: "/y", Session: &ExplainedSession{
				ID: "demo", Prefix: "/edit/demo", Sources: []ExplainedSource{{"path", map[string]string{"id": "demo"}}},
			},
		}},
		{"rewritten to dots", "GET", "http://w/dots/x/x", nil, ExplainedAction{Kind: "answer", Status: 400, Reason: "the path holds a . or .. segment"}},
		{"rewritten to no path", "GET", "http://w/bad/x", nil, ExplainedAction{Kind: "answer", Status: 500, Reason: "the rewritten path is no path"}},
		{"dots", "GET", "http://w/hermes/%2e%2e/x", nil, ExplainedAction{Kind: "answer", Status: 400, Reason: "the path holds a . or .. segment"}},
		{"trace", "TRACE", "http://w/", nil, ExplainedAction{Kind: "answer", Status: 405, Reason: "TRACE is not served"}},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.url, nil)
		r.RemoteAddr = "192.0.2.7:1"
		if tt.header != nil {
			r.Header = tt.header
		}
		if diff := cmp.Diff(tt.want, Explain(table, Settings{}, r).Action); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// What a trusted proxy says counts as it does for requests that are served.
func TestExplainBelievesTrustedProxies(t *testing.T) {
	t.Parallel()
	table := explainTable(t)
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tt := range []struct{ peer, source, scheme, rule string }{
		{"10.0.0.1:1", "192.0.2.9", "https", "30"},
		{"203.0.113.1:1", "203.0.113.1", "http", ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://w/office/", nil)
		r.RemoteAddr = tt.peer
		r.Header = http.Header{"X-Forwarded-For": {"192.0.2.9"}, "X-Forwarded-Proto": {"https"}}
		e := Explain(table, Settings{TrustedProxies: trusted}, r)
		if e.Source != tt.source || e.Scheme != tt.scheme || e.Rule != tt.rule {
			t.Errorf("from %s: source %s, %s, rule %q; want %s, %s, %q", tt.peer, e.Source, e.Scheme, e.Rule, tt.source, tt.scheme, tt.rule)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://w/none", nil)
	r.TLS = &tls.ConnectionState{}
	e := Explain(table, Settings{}, r)
	if e.Scheme != "https" || len(e.Rules) != table.Len() {
		t.Errorf("Explain = %s with %d rules, want https with all %d", e.Scheme, len(e.Rules), table.Len())
	}
	last := e.Rules[len(e.Rules)-1].Conditions
	if len(last) != 1 || last[0].Holds || strings.Join(last[0].Want, " ") != "/office/*" {
		t.Errorf("the last rule's conditions = %+v, want the path that does not hold, and nothing behind it", last)
	}
}

// TestExplainSettings: what is answered before any rule is asked.
func TestExplainSettings(t *testing.T) {
	t.Parallel()
	table := explainTable(t)
	settings := Settings{HTTPS: HTTPS{Redirect: http.StatusPermanentRedirect, Hosts: []string{"w"}}, Forwarded: Forwarded{MaxAddresses: 2}}
	for _, tt := range []struct {
		url, chain string
		want       ExplainedAction
	}{
		{"http://w:8080/office/?x=1", "", ExplainedAction{
			Kind: "redirect", Status: 308, Location: "https://w/office/?x=1", Reason: "the host is served by https only",
		}},
		{"https://w/none", "", ExplainedAction{Kind: "answer", Status: 404, Reason: "no rule takes it"}},
		{"http://v/none", "10.0.0.1, 10.0.0.2", ExplainedAction{Kind: "answer", Status: 404, Reason: "no rule takes it"}},
		{"http://v/none", "10.0.0.1, 10.0.0.2, 10.0.0.3", ExplainedAction{
			Kind: "answer", Status: 463, Reason: "X-Forwarded-For has too many addresses",
		}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", tt.url, nil)
		if tt.chain != "" {
			r.Header.Set("X-Forwarded-For", tt.chain)
		}
		if diff := cmp.Diff(tt.want, Explain(table, settings, r).Action); diff != "" {
			t.Errorf("%s for %q (-want +got):\n%s", tt.url, tt.chain, diff)
		}
	}
}
