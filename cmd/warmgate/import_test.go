package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/route/albimport"
)

// importText imports the documents and returns the configuration's text.
func importText(t testing.TB, o albimport.Options, documents ...[]byte) []byte {
	t.Helper()
	var d albimport.Documents
	for i, text := range documents {
		if err := d.Read(fmt.Sprintf("%d.json", i), "", text); err != nil {
			t.Fatal(err)
		}
	}
	r, err := d.Convert(o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := importedText(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// loadText reads a configuration's text as serve does, without the environment.
func loadText(t testing.TB, text []byte) *Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "warmgate.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := loadConfig(file, environment(nil))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// targetGroups describes those of the generator, and their targets.
func targetGroups() []byte {
	raw, _ := parsed(object{"TargetGroups": []any{
		object{"TargetGroupArn": targetGroupARN + "astro/73e2", "TargetGroupName": "astro", "Protocol": "HTTP", "Port": 4321, "HealthCheckPath": "/"},
		object{"TargetGroupArn": targetGroupARN + "hermes/11aa", "TargetGroupName": "hermes", "Protocol": "HTTPS", "Port": 3000},
		object{"TargetGroupArn": targetGroupARN + "api/22bb", "TargetGroupName": "api", "Protocol": "HTTP", "Port": 8080},
	}})
	return raw
}

// decided is what the configuration does with a request, in the words of albDecide.
func decided(t testing.TB, table *route.Table, q albRequest) (priority, action string) {
	t.Helper()
	r := q.http()
	e := proxy.Explain(table, proxy.Settings{}, r)
	for rule := range table.Rules() {
		if rule.String() != e.Rule {
			continue
		}
		switch a := rule.Action.(type) {
		case *route.Forward:
			action = "forward"
			for _, g := range a.Groups {
				action += fmt.Sprintf(" %s:%d", g.Upstream.Name, g.Weight)
			}
			if e.Action.Path != q.path {
				t.Errorf("%s: asks for %q", q, e.Action.Path)
			}
		case *route.Redirect:
			action = fmt.Sprintf("redirect %d %s", e.Action.Status, e.Action.Location)
		case *route.FixedResponse:
			action = fmt.Sprintf("fixed %d %s %s", a.StatusCode, a.ContentType, a.Body)
		}
	}
	return e.Rule, action
}

func (r albRequest) http() *http.Request {
	target := r.scheme + "://" + r.host + r.path
	if r.query != "" {
		target += "?" + r.query
	}
	req := httptest.NewRequest(r.method, target, nil)
	req.RemoteAddr = "[" + r.source + "]:1"
	if strings.Contains(r.source, ".") {
		req.RemoteAddr = r.source + ":1"
	}
	for _, h := range r.header {
		req.Header.Add(h[0], h[1])
	}
	return req
}

// checkDecisions imports rules and holds requests against both. It returns how many
// of them took another rule than the default one.
func checkDecisions(t testing.TB, g generator, rules, requests int) (met int) {
	t.Helper()
	raw, read := parsed(g.rules(rules))
	c := loadText(t, importText(t, albimport.Options{}, targetGroups(), raw))
	c.fillIn()
	table, err := c.table()
	if err != nil {
		t.Fatal(err)
	}
	list := members(read["Rules"])
	for range requests {
		q := g.request()
		wantRule, wantAction := albDecide(list, q)
		gotRule, gotAction := decided(t, table, q)
		if gotRule != wantRule || gotAction != wantAction {
			t.Fatalf("%s: rule %s %q, want %s %q\n%s", q, gotRule, gotAction, wantRule, wantAction, raw)
		}
		if gotRule != "default" {
			met++
		}
	}
	return met
}

// TestImportDecidesAsTheRules: the imported configuration decides as the JSON says,
// read as plainly as possible.
func TestImportDecidesAsTheRules(t *testing.T) {
	t.Parallel()
	met := 0
	for seed := range uint64(60) {
		met += checkDecisions(t, newGenerator(seed), 1+int(seed)%12, 60)
	}
	if met < 1000 {
		t.Errorf("%d of 3600 requests took a rule of their own: too few to tell anything", met)
	}
}

func FuzzImportDecides(f *testing.F) {
	f.Add(uint64(1), uint8(3))
	f.Add(uint64(2), uint8(30))
	f.Fuzz(func(t *testing.T, seed uint64, rules uint8) {
		checkDecisions(t, newGenerator(seed), 1+int(rules)%32, 30)
	})
}

// TestImportOfAHundredRules: nothing of a rule set of real size is lost, and what was
// imported stays the same however often it is printed, read and imported.
func TestImportOfAHundredRules(t *testing.T) {
	t.Parallel()
	g := newGenerator(4711)
	raw, read := parsed(g.rules(100))
	text := importText(t, albimport.Options{}, targetGroups(), raw)
	if again := importText(t, albimport.Options{}, raw, targetGroups()); !bytes.Equal(text, again) {
		t.Error("a second import, with the files in another order, makes other bytes")
	}
	c := loadText(t, text)
	rules := members(read["Rules"])
	if len(c.Routes) != len(rules) || len(rules) != 101 {
		t.Fatalf("%d routes of %d rules", len(c.Routes), len(rules))
	}
	byPriority := map[string]*RouteConfig{"default": &c.Routes[100]}
	for i := range c.Routes[:100] {
		byPriority[fmt.Sprint(c.Routes[i].Priority)] = &c.Routes[i]
	}
	for _, rule := range rules {
		checkNothingLost(t, rule, byPriority[priorityOf(rule)])
	}

	var printed bytes.Buffer
	if err := printConfig(&printed, c); err != nil {
		t.Fatal(err)
	}
	again := loadText(t, printed.Bytes())
	if diff := cmp.Diff(c.Routes, again.Routes); diff != "" {
		t.Errorf("routes after printing (-imported +printed):\n%s", diff)
	}
	if diff := cmp.Diff(c.Upstreams, again.Upstreams); diff != "" {
		t.Errorf("upstreams after printing (-imported +printed):\n%s", diff)
	}
	if met := checkDecisions(t, g, 100, 500); met < 250 {
		t.Errorf("%d of 500 requests took a rule of their own: too few to tell anything", met)
	}
}

func priorityOf(rule object) string { return text(rule["Priority"]) }

// checkNothingLost: every text that stands in the rule's conditions and actions is in
// the route, too.
func checkNothingLost(t *testing.T, rule object, r *RouteConfig) {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	inRoute := string(raw)
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case object:
			for k, inner := range v {
				walk(k, inner)
			}
		case []any:
			for _, inner := range v {
				walk(key, inner)
			}
		case string:
			switch key {
			case "Field", "Type":
				return
			case "TargetGroupArn":
				v = strings.Split(v, "/")[1]
			case "StatusCode":
				v = strings.TrimPrefix(v, "HTTP_")
			}
			quoted, _ := json.Marshal(v)
			if !strings.Contains(inRoute, strings.Trim(string(quoted), `"`)) {
				t.Errorf("rule %s: %s %q is not in %s", priorityOf(rule), key, v, inRoute)
			}
		}
	}
	walk("", rule["Conditions"])
	walk("", rule["Actions"])
}
