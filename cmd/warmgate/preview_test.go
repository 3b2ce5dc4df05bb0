package main

import (
	"testing"

	"github.com/webordinary/warmgate/session"
)

func TestPreviewURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, routes, base string
		session            session.Session
		want               string
	}{
		{
			"path", `[{ priority: 15, path: ["/session/*"], session: {} }]`, "http://localhost:8080",
			session.Session{ID: "demo"},
			"http://localhost:8080/session/demo/",
		},
		{
			"base with a slash", `[{ priority: 15, path: ["/session/*"], session: {} }]`, "https://edit.example.com/",
			session.Session{ID: "demo"},
			"https://edit.example.com/session/demo/",
		},
		{
			"the first route that has one",
			`[{ priority: 20, path: ["/p/*"], session: {} }, { priority: 10, path: ["/api/*"], session: { id: ["header:X-Session-ID", hint] } }]`,
			"http://x",
			session.Session{ID: "demo"},
			"http://x/p/demo/",
		},
		{
			"host", `[{ priority: 1, host: ["*.preview.example.com"], session: { id: ["host:{id}.preview.example.com"] } }]`,
			"https://edit.example.com:8443",
			session.Session{ID: "demo"},
			"https://demo.preview.example.com:8443/",
		},
		{
			"template",
			`[{ priority: 1, path: ["/session/*"], session: { allow_guessable: true, template: "{client}-{thread}", id: ["host:edit.{client}.example.com", "path:{thread}"] } }]`,
			"https://x",
			session.Session{ID: "acme-42", ClientID: "acme", ThreadID: "42"},
			"https://edit.acme.example.com/session/42/",
		},
		{
			"template that does not make up the id",
			`[{ priority: 1, path: ["/session/*"], session: { allow_guessable: true, template: "{client}-{thread}", id: ["host:edit.{client}.example.com", "path:{thread}"] } }]`,
			"https://x",
			session.Session{ID: "other", ClientID: "acme", ThreadID: "42"},
			"",
		},
		{
			"id that must be escaped", `[{ priority: 15, path: ["/session/*"], session: {} }]`, "http://x",
			session.Session{ID: "acme#u@x:1#t"},
			"http://x/session/acme%23u@x:1%23t/",
		},
		{
			"no route", `[{ default: true, management: {} }]`, "http://x", session.Session{ID: "demo"}, "",
		},
	} {
		c, err := load(t, "routes: "+test.routes+"\n", nil)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		test.session.Pool = localPool
		if got := c.previewURL(test.base, &test.session); got != test.want {
			t.Errorf("%s: previewURL = %q, want %q", test.name, got, test.want)
		}
	}
}
