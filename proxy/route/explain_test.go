package route

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every value of every condition can be the one by which it holds.
func TestExplainNamesTheValue(t *testing.T) {
	table := newTable(t, Rule{Priority: 1, Action: fixed(), Conditions: Conditions{
		Path:      Patterns{Values: []string{"/a", "/b*"}, Regex: []string{"^/c", "^/d"}},
		Host:      Patterns{Values: []string{"*.example.com"}, Regex: []string{"^local"}},
		Methods:   []string{"GET", "POST"},
		Headers:   []HeaderCondition{{Name: "x-a", Patterns: Patterns{Values: []string{"1"}, Regex: []string{"^2"}}}},
		Queries:   []QueryCondition{{Pairs: []QueryPair{{Key: "k", Value: "v"}, {Value: "w*"}}}},
		SourceIPs: []string{"10.0.0.0/8", "192.0.2.0/24"},
	}})
	tests := []struct {
		url, method, header string
		want                []string
	}{
		{"a.example.com/a?k=v", "GET", "1", []string{"/a", "*.example.com", "GET", "1", "k=v", "192.0.2.0/24"}},
		{"localhost/b1?x=w1", "POST", "22", []string{"/b*", "/^local/", "POST", "/^2/", "w*", "192.0.2.0/24"}},
		{"localhost/c", "GET", "1", []string{"/^/c/", "/^local/", "GET", "1", "- k=v w*"}},
		{"localhost/d", "PUT", "1", []string{"/^/d/", "/^local/", "- GET POST"}},
		{"other/d", "PUT", "1", []string{"/^/d/", "- *.example.com /^local/"}},
	}
	for _, tt := range tests {
		req := get(tt.url)
		req.Method, req.Header = tt.method, http.Header{"X-A": {tt.header}}
		var got []string
		for _, c := range table.Explain(req)[0].Checks {
			by := c.By
			if !c.Holds {
				by = "-"
				for _, w := range c.Want {
					by += " " + w
				}
			}
			got = append(got, by)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Explain(%s %s) (-want +got):\n%s", tt.method, tt.url, diff)
		}
	}
}

func TestExplainIdentity(t *testing.T) {
	table := newTable(t,
		Rule{Priority: 1, Conditions: paths("/session/*"), Action: &Session{
			Pool: "p", ID: []IDSource{"path:{thread}", "host:edit.{client}.example.com", "header:X-Client:{client}", SourceHint},
			Template: "{client}-{thread}",
		}},
		Rule{Default: true, Action: fixed()},
	)
	tests := []struct {
		url      string
		id       string
		findings []Finding
	}{
		{"edit.acme.example.com/session/t1/a", "acme-t1", []Finding{
			{"path:{thread}", map[string]string{"thread": "t1"}},
			{"host:edit.{client}.example.com", map[string]string{"client": "acme"}},
		}},
		{"localhost/session/t1/", "", []Finding{
			{"path:{thread}", map[string]string{"thread": "t1"}},
			{"host:edit.{client}.example.com", map[string]string{}},
			{"header:X-Client:{client}", map[string]string{}},
		}},
		{"localhost/other", "", nil},
	}
	for _, tt := range tests {
		req := get(tt.url)
		rule, _ := table.Match(req)
		id, findings, ok := rule.ExplainIdentity(req)
		if id.ID != tt.id || ok != (tt.id != "") {
			t.Errorf("ExplainIdentity(%s) = %q, %v, want %q", tt.url, id.ID, ok, tt.id)
		}
		if diff := cmp.Diff(tt.findings, findings); diff != "" {
			t.Errorf("ExplainIdentity(%s) (-want +got):\n%s", tt.url, diff)
		}
	}
}
