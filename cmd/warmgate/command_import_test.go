package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// importFiles are the outputs of a whole load balancer.
func importFiles() []string {
	file := func(name string) string { return filepath.Join("testdata", "import", name) }
	return []string{
		"import", "alb", file("rules.json"), file("listeners.json"), file("groups.json"), file("balancers.json"),
		"hermes=" + file("hermes-health.json"), "hermes=" + file("hermes-attributes.json"), "443=" + file("listener-attributes.json"),
	}
}

// TestImportALB: everything of a whole load balancer, and what is told about the
// rest.
func TestImportALB(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := runIn(t, nil, importFiles()...)
	if code != 0 {
		t.Fatalf("code %d\n%s", code, stderr)
	}
	golden(t, "testdata/import/warmgate.yaml", []byte(stdout))
	golden(t, "testdata/import/stderr.txt", []byte(stderr))
}

// TestImportThenExplain: the file that import writes works with explain at once, and
// with the check once the addresses are filled in.
func TestImportThenExplain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "warmgate.yaml")
	if _, stderr, code := runIn(t, nil, append(importFiles(), "-o", file)...); code != 0 {
		t.Fatalf("import: code %d\n%s", code, stderr)
	}
	_, stderr, code := runIn(t, nil, append(importFiles(), "-o", file)...)
	if code != 1 || !strings.Contains(stderr, "exists already, and is left as it is") {
		t.Errorf("import over a file: code %d, %s", code, stderr)
	}

	request := []string{
		"explain", "--config", file, "GET", "https://edit.example.com/session/a?version=v1", "-H", "User-Agent: a Chrome b", "--source", "192.0.2.9",
	}
	stdout, stderr, code := runIn(t, nil, request...)
	if code != 0 || !strings.Contains(stdout, "rule       15\n") || !strings.Contains(stderr, `upstreams.astro.urls: "FILL IN: `) {
		t.Errorf("explain: code %d\n%s%s", code, stderr, stdout)
	}

	_, stderr, code = runIn(t, nil, "config", "check", file)
	if code != 1 || strings.Count(stderr, "FILL IN: ") != 2 {
		t.Errorf("config check: code %d\n%s", code, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var filled []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "FILL IN") && !strings.HasPrefix(line, "#") {
			line = "      - http://10.0.0.1:80\n"
		}
		filled = append(filled, line)
	}
	if err := os.WriteFile(file, []byte(strings.Join(filled, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code = runIn(t, nil, "config", "check", file); code != 0 {
		t.Errorf("config check of what is filled in: code %d\n%s", code, stderr)
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	private := write("private.json", `{"Rules":[{"Priority":"3","Conditions":[{"Field":"path-pattern","Values":["/a"]}],"Actions":[
		{"Type":"authenticate-oidc","Order":1,"AuthenticateOidcConfig":{}},
		{"Type":"fixed-response","Order":2,"FixedResponseConfig":{"StatusCode":"200"}}]}]}`)
	strange := write("strange.json", `{"Rules":[{"Priority":"3","Conditions":[{"Field":"mood"}],"Actions":[{"Type":"forward","TargetGroupArn":"x"}]}]}`)
	for _, test := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"nothing", nil, 2, []string{"the files are missing: at least the output of aws elbv2 describe-rules"}},
		{"no file", []string{filepath.Join(folder, "none.json")}, 1, []string{"none.json: no such file"}},
		{"no JSON", []string{write("bad.json", "oops")}, 1, []string{"bad.json: line 1: is no JSON"}},
		{"authentication", []string{private}, 1, []string{"nothing was written: requests are authenticated", "rule 3: authenticate-oidc", "--drop-authentication"}},
		{"authentication dropped", []string{private, "--drop-authentication"}, 0, []string{"rule 3: authenticate-oidc is dropped, as asked"}},
		{"unknown condition", []string{strange}, 1, []string{`rule 3: the condition "mood" is not known here`, "--drop PRIORITY"}},
		{"rule dropped", []string{strange, "--drop", "3"}, 0, []string{"rule 3: is left out, as asked"}},
	} {
		stdout, stderr, code := runIn(t, nil, append([]string{"import", "alb"}, test.args...)...)
		if code != test.code || (stdout == "") != (code != 0) {
			t.Errorf("%s: code %d, want %d; wrote %q", test.name, code, test.code, stdout)
		}
		for _, want := range test.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q lacks %q", test.name, stderr, want)
			}
		}
	}
}

// TestQueries: conditions on the query string that must all hold.
func TestQueries(t *testing.T) {
	t.Parallel()
	c, err := load(t, `
routes:
  - { priority: 1, query: [{ key: a, value: '1' }], queries: [{ any: [{ key: b, value: '2' }, { value: x }] }], management: {} }
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := c.table()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, query := range []string{"a=1", "b=2", "a=1&b=2", "c=x&a=1", "a=1&b=3"} {
		got[query], _ = decided(t, table, albRequest{method: "GET", scheme: "http", host: "w", path: "/", query: query, source: "192.0.2.1"})
	}
	if diff := cmp.Diff(map[string]string{"a=1": "", "b=2": "", "a=1&b=2": "1", "c=x&a=1": "1", "a=1&b=3": ""}, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}
