package socket

import (
	"net/http"
	"testing"

	"github.com/webordinary/warmgate/session"
)

func TestOrigin(t *testing.T) {
	listed := origins{listed: []string{"https://studio.example.com", "cms.example.com", "chrome-extension://abc"}}
	for _, c := range []struct {
		name    string
		allowed origins
		host    string
		given   []string
		ok      bool
	}{
		{"same host", origins{}, "edit.example.com", []string{"https://edit.example.com"}, true},
		{"same host and port", origins{}, "localhost:8080", []string{"http://localhost:8080"}, true},
		{"any case", origins{}, "Edit.Example.com", []string{"https://eDIT.example.com"}, true},
		{"default port in Host", origins{}, "edit.example.com:443", []string{"https://edit.example.com"}, true},
		{"other port", origins{}, "localhost:8080", []string{"http://localhost:3000"}, false},
		{"the other scheme's default port", origins{}, "edit.example.com:443", []string{"http://edit.example.com"}, false},
		{"other host", origins{}, "edit.example.com", []string{"https://evil.example"}, false},
		{"suffix", origins{}, "example.com", []string{"https://evilexample.com"}, false},
		{"sub domain", origins{}, "example.com", []string{"https://a.example.com"}, false},
		{"host as user", origins{}, "edit.example.com", []string{"https://edit.example.com@evil.example"}, false},
		{"null", origins{}, "edit.example.com", []string{"null"}, false},
		{"empty", origins{}, "edit.example.com", []string{""}, false},
		{"no URL", origins{}, "edit.example.com", []string{"://%"}, false},
		{"two", origins{}, "edit.example.com", []string{"https://edit.example.com", "https://edit.example.com"}, false},
		{"missing", origins{}, "edit.example.com", nil, false},
		{"missing, allowed", origins{missing: true}, "edit.example.com", nil, true},
		{"other host, missing allowed", origins{missing: true}, "edit.example.com", []string{"https://evil.example"}, false},
		{"listed origin", listed, "edit.example.com", []string{"https://studio.example.com"}, true},
		{"listed origin, other scheme", listed, "edit.example.com", []string{"http://studio.example.com"}, false},
		{"listed host", listed, "edit.example.com", []string{"http://cms.example.com"}, true},
		{"listed extension", listed, "edit.example.com", []string{"chrome-extension://abc"}, true},
		{"other extension", listed, "edit.example.com", []string{"chrome-extension://abd"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Host: c.host, Header: http.Header{}}
			if c.given != nil {
				r.Header["Origin"] = c.given
			}
			if err := c.allowed.check(r); (err == nil) != c.ok {
				t.Errorf("check(%q at %s) = %v, want ok %t", c.given, c.host, err, c.ok)
			}
		})
	}
}

// TestSetOrigins: the list is replaced, not added to.
func TestSetOrigins(t *testing.T) {
	h := New(Options{Origins: []string{"https://old.example.com"}})
	h.SetOrigins([]string{"https://new.example.com"})
	for origin, ok := range map[string]bool{"https://old.example.com": false, "https://new.example.com": true} {
		r := &http.Request{Host: "edit.example.com", Header: http.Header{"Origin": {origin}}}
		if err := h.origins.Load().check(r); (err == nil) != ok {
			t.Errorf("check(%s) = %v, want ok %t", origin, err, ok)
		}
	}
}

func TestForeignOriginIsRefusedInEveryState(t *testing.T) {
	r := newRig(t, Options{})
	for _, p := range []session.Phase{session.PhaseAsleep, session.PhaseReady, session.PhaseFailed, session.PhaseEnded} {
		r.phase(p)
		for _, protocol := range []string{"vite-hmr", "vite-ping", ""} {
			if resp := r.refused(protocol, "Origin: https://evil.example"); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %q from a foreign page: %d, want 403", p, protocol, resp.StatusCode)
			}
		}
	}
	if resp := r.refused("vite-hmr", "Origin: "); resp.StatusCode != http.StatusForbidden {
		t.Errorf("without Origin: %d, want 403", resp.StatusCode)
	}
}
