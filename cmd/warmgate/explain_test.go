package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// explainConfigText has a rule of every kind that explain tells apart.
const explainConfigText = `
public_url: https://edit.example.com
trusted_proxies: [10.0.0.0/8]
pools:
  edit: { key: '{session}', driver: static, port: 4321, ports: [8080], static: { addresses: ['127.0.0.1:1'] } }
routes:
  - { priority: 5, path: ['/hermes/*'], method: [GET, HEAD], forward: { urls: ['http://127.0.0.1:3000'] } }
  - { priority: 10, path: ['/api/*'], session: { pool: edit, port: 8080, prefix: keep, id: ['header:X-Session-ID', hint], allow_guessable: true } }
  - { priority: 15, path: ['/session/*'], session: { pool: edit, allow_guessable: true } }
  - { priority: 20, path: ['/*'], source_ip: [192.0.2.0/24], header: [{ name: X-Old, values: ['1', '2'] }], redirect: { host: 'old.#{host}' } }
`

func explainConfigFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "warmgate.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestExplainForPeople(t *testing.T) {
	t.Parallel()
	file := explainConfigFile(t, explainConfigText)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"forward", []string{"GET", "/hermes/a%2Fb?x"}, `
GET https://edit.example.com/hermes/a%2Fb?x from 127.0.0.1

rule 5  yes  path /hermes/a%2Fb matches /hermes/*
             method GET matches GET of GET, HEAD

rule       5
action     forward
upstreams  http://127.0.0.1:3000
path       /hermes/a%2Fb
host       edit.example.com (the client's)
`},
		{"session by a header", []string{"POST", "http://w:80/api/x", "-H", "X-Session-ID: demo", "--source", "2001:db8::1"}, `
POST http://w:80/api/x from 2001:db8::1

rule 5   no   path /api/x does not match /hermes/*
rule 10  yes  path /api/x matches /api/*

rule                      10
action                    session
session                   demo
from header:X-Session-ID  id = demo
pool                      edit
port                      8080
path                      /api/x
host                      the upstream's own address
`},
		{"redirect for a client of a trusted proxy", []string{
			"GET", "/", "-H", "X-Old: 2", "-H", "X-Forwarded-For: 192.0.2.7", "-H", "Host: a.example.com", "--source", "10.0.0.1",
		}, `
GET https://a.example.com/ from 192.0.2.7

rule 5   no   path / does not match /hermes/*
rule 10  no   path / does not match /api/*
rule 15  no   path / does not match /session/*
rule 20  yes  path / matches /*
              header X-Old 2 matches 2 of 1, 2
              source_ip 192.0.2.7 matches 192.0.2.0/24

rule      20
action    redirect
status    302 Found
location  https://old.a.example.com/
`},
		{"no rule", []string{"GET", "https://edit.example.com"}, `
GET https://edit.example.com/ from 127.0.0.1

rule 5   no  path / does not match /hermes/*
rule 10  no  path / does not match /api/*
rule 15  no  path / does not match /session/*
rule 20  no  there is no header X-Old; it would have to match 1 or 2

rule    none
action  answer
status  404 Not Found
reason  no rule takes it
`},
		{"refused before any rule", []string{"GET", "/hermes/../x"}, `
GET https://edit.example.com/hermes/../x from 127.0.0.1

rule    none
action  answer
status  400 Bad Request
reason  the path holds a . or .. segment
`},
	} {
		stdout, stderr, code := runIn(t, nil, append([]string{"explain", "--config", file}, test.args...)...)
		if code != 0 || stderr != "" || stdout != test.want[1:] {
			t.Errorf("%s: code %d, %s\n%s\nwant\n%s", test.name, code, stderr, stdout, test.want)
		}
	}
}

func TestExplainMistakes(t *testing.T) {
	t.Parallel()
	file := explainConfigFile(t, explainConfigText)
	broken := explainConfigFile(t, "routes: [{ priority: 1, path: [x], management: {} }]")
	elsewhere := explainConfigFile(t, explainConfigText+"log: { level: loud }\n")
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing", nil, 2, "the method and the URL of the request are needed, such as: warmgate explain GET /session/demo/"},
		{"too much", []string{"GET", "/", "/"}, 2, `"/" is too much`},
		{"header", []string{"GET", "/", "-H", "X-A"}, 2, `--header "X-A" is not "Name: value"`},
		{"header with a space", []string{"GET", "/", "-H", "X A: b"}, 2, `--header "X A: b" is not`},
		{"method", []string{"G T", "/"}, 2, "method must be a method such as GET"},
		{"escape", []string{"GET", "/%zz"}, 2, "url must be a URL such as"},
		{"scheme", []string{"GET", "ftp://w/"}, 2, "url must be a URL such as"},
		{"source", []string{"GET", "/", "--source", "here"}, 2, "source must be an address such as"},
		{"broken rules", []string{"GET", "/", "--config", broken}, 1, `"x" never matches`},
		{"mistakes elsewhere", []string{"GET", "/", "--config", elsewhere}, 0, `log.level: "loud" is none of`},
	} {
		_, stderr, code := runIn(t, nil, append([]string{"explain", "--config", file}, test.args...)...)
		if code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: code %d, %q, want %d and %q", test.name, code, stderr, test.code, test.want)
		}
	}
}

func TestExplainAsJSON(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := runIn(t, nil, "explain", "--config", explainConfigFile(t, explainConfigText), "GET", "/session/demo/x", "--json")
	var v explainedView
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || code != 0 {
		t.Fatalf("code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	a := v.Explanation.Action
	if v.Explanation.Rule != "15" || a.Kind != "session" || a.Session.ID != "demo" || a.Port != 4321 || a.Path != "/x" {
		t.Errorf("explain --json = %+v", v)
	}
}

// TestExplainRunning asks a server about sessions that are there and not there.
func TestExplainRunning(t *testing.T) {
	s := start(t, staticPool(site(t)))
	defer s.end()
	if out, err := s.cli("session", "activate", "--client", "acme", "--id", "demo"); err != nil {
		t.Fatalf("activate: %v\n%s", err, out)
	}
	for _, test := range []struct {
		url  string
		want []string
	}{
		{"/session/demo/x", []string{"rule 10  yes  path /session/demo/x matches /session/*\n", "\nclient         acme\n", "\nwhy            "}},
		{"/session/none/", []string{"session    none\n", "there is no session none: the answer is a 404, or sessions.gone\n"}},
		{"/other", []string{"status  404 Not Found\n"}},
	} {
		out, err := s.cli("explain", "GET", test.url, "--server")
		for _, want := range test.want {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("explain GET %s --server lacks %q: %v\n%s", test.url, want, err, out)
			}
		}
	}
	out, err := s.cli("explain", "GET", "/session/demo/", "--server", "--json")
	var v explainedView
	if e := json.Unmarshal([]byte(out), &v); err != nil || e != nil || v.Session == nil || v.Session.ClientID != "acme" {
		t.Errorf("explain --server --json = %v, %v\n%s", err, e, out)
	}
	if _, err := s.cli("explain", "GET", "/%zz", "--server"); err == nil || !strings.Contains(err.Error(), "URL such as") {
		t.Errorf("explain of no URL = %v, want what a URL is", err)
	}
}
