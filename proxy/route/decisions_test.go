package route

import (
	"bufio"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDecisions reads testdata/decisions.txt, which says what its lines mean.
func TestDecisions(t *testing.T) {
	file, err := os.Open("testdata/decisions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var rules []Rule
	var table *Table // of rules, once a request is there
	requests := 0
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		columns := regexp.MustCompile(` {2,}`).Split(lines.Text(), -1)
		switch first, _, _ := strings.Cut(columns[0], " "); first {
		case "", "#":
		case "==":
			rules, table = nil, nil
		case "rule":
			rules = append(rules, decisionRule(t, n, columns))
		default:
			if table == nil {
				table = newTable(t, rules...)
			}
			requests += decide(t, table, n, columns)
		}
	}
	if lines.Err() != nil || requests < 400 {
		t.Errorf("read %d requests, %v; want 400", requests, lines.Err())
	}
	t.Logf("%d requests", requests)
}

// decisionRule reads a line that begins with "rule".
func decisionRule(t *testing.T, n int, columns []string) Rule {
	t.Helper()
	place := strings.TrimPrefix(columns[0], "rule ")
	r := Rule{Default: place == "default", Action: fixed()}
	r.Priority, _ = strconv.Atoi(place)
	c := &r.Conditions
	for _, text := range columns[1:] {
		at := strings.IndexAny(text, "=~")
		if word, _, _ := strings.Cut(text, " "); at < 0 || word == "redirect" || word == "session" {
			r.Action = decisionAction(t, n, text)
			continue
		}
		name, values := text[:at], strings.Split(text[at+1:], "|")
		kind, argument, _ := strings.Cut(name, ":")
		add := func(p *Patterns) {
			if text[at] == '~' {
				p.Regex = append(p.Regex, text[at+1:])
			} else {
				p.Values = append(p.Values, values...)
			}
		}
		switch kind {
		case "path":
			add(&c.Path)
		case "host":
			add(&c.Host)
		case "method":
			c.Methods = values
		case "source":
			c.SourceIPs = values
		case "header":
			h := HeaderCondition{Name: argument}
			add(&h.Patterns)
			c.Headers = append(c.Headers, h)
		case "query":
			var q QueryCondition
			for pair := range strings.SplitSeq(strings.TrimPrefix(text, "query:"), "|") {
				key, value, _ := strings.Cut(pair, "=")
				q.Pairs = append(q.Pairs, QueryPair{Key: key, Value: value})
			}
			c.Queries = append(c.Queries, q)
		default:
			t.Fatalf("line %d: there is no condition %q", n, kind)
		}
	}
	return r
}

// decisionAction reads the name of an action and its arguments.
func decisionAction(t *testing.T, n int, text string) Action {
	t.Helper()
	words := strings.Fields(text)
	arguments := map[string]string{}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		arguments[key] = value
	}
	switch words[0] {
	case "management":
		return &Management{}
	case "session":
		s := &Session{Pool: "p", Template: arguments["template"]}
		for id := range strings.SplitSeq(arguments["id"], ",") {
			if id != "" {
				s.ID = append(s.ID, IDSource(id))
			}
		}
		return s
	case "redirect":
		r := &Redirect{Protocol: arguments["protocol"], Host: arguments["host"], Port: arguments["port"], Path: arguments["path"]}
		r.StatusCode, _ = strconv.Atoi(arguments["status"])
		if q, ok := arguments["query"]; ok {
			r.Query = &q
		}
		return r
	}
	t.Fatalf("line %d: there is no action %q", n, words[0])
	return nil
}

// decide holds the requests of a line against the table, and returns how many
// there are.
func decide(t *testing.T, table *Table, n int, columns []string) int {
	t.Helper()
	last := len(columns) - 1
	want, ok := strings.CutPrefix(columns[last], "=> ")
	if !ok {
		t.Fatalf("line %d: does not end with an outcome", n)
	}
	urls := strings.Fields(columns[1])
	for _, text := range urls {
		req, scheme, err := decisionRequest(columns[0], text, columns[2:last])
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		if got := outcome(table, req, scheme); got != want {
			t.Errorf("line %d: %s %s => %s, want %s", n, columns[0], text, got, want)
		}
	}
	return len(urls)
}

// decisionRequest makes the request as [FromHTTP] does.
func decisionRequest(method, text string, more []string) (req *Request, scheme string, err error) {
	if strings.HasPrefix(text, "/") {
		text = "http://edit.example.com" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, "", err
	}
	peer := netip.MustParseAddr("192.0.2.7")
	r := &http.Request{Method: method, URL: u, Host: u.Host, Header: http.Header{}}
	for _, text := range more {
		if from, ok := strings.CutPrefix(text, "from "); ok {
			peer = netip.MustParseAddr(from)
			continue
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return nil, "", fmt.Errorf("%q is no header", text)
		}
		r.Header.Add(name, strings.TrimSpace(value))
	}
	facts := FromHTTP(r, peer)
	return &facts, u.Scheme, nil
}

// outcome is what becomes of the request, as the file writes it.
func outcome(table *Table, req *Request, scheme string) string {
	if CheckPath(req.Path) != nil {
		return "refused"
	}
	rule, ok := table.Match(req)
	if !ok {
		return "none"
	}
	switch a := rule.Action.(type) {
	case *Redirect:
		location, err := a.Location(req, scheme, 0)
		if err != nil {
			return rule.String() + " error"
		}
		return fmt.Sprintf("%s %d %s", rule, a.Status(), location)
	case *Session:
		id, ok := rule.Identify(req)
		switch {
		case !ok:
			return rule.String() + " no session"
		case id.Bare():
			return fmt.Sprintf("%s %s bare", rule, id.ID)
		}
		return fmt.Sprintf("%s %s %s", rule, id.ID, id.Rest)
	}
	return rule.String()
}
