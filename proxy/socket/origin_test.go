package socket

import (
	"net/http"
	"testing"

	"github.com/webordinary/warmgate/session"
)

func TestOrigin(t *testing.T) {
	listed := Options{Origins: []string{"https://studio.example.com", "cms.example.com", "chrome-extension://abc"}}
	for _, c := range []struct {
		name    string
		options Options
		host    string
		origins []string
		ok      bool
	}{
		{"same host", Options{}, "edit.example.com", []string{"https://edit.example.com"}, true},
		{"same host and port", Options{}, "localhost:8080", []string{"http://localhost:8080"}, true},
		{"any case", Options{}, "Edit.Example.com", []string{"https://eDIT.example.com"}, true},
		{"default port in Host", Options{}, "edit.example.com:443", []string{"https://edit.example.com"}, true},
		{"other port", Options{}, "localhost:8080", []string{"http://localhost:3000"}, false},
		{"the other scheme's default port", Options{}, "edit.example.com:443", []string{"http://edit.example.com"}, false},
		{"other host", Options{}, "edit.example.com", []string{"https://evil.example"}, false},
		{"suffix", Options{}, "example.com", []string{"https://evilexample.com"}, false},
		{"sub domain", Options{}, "example.com", []string{"https://a.example.com"}, false},
		{"host as user", Options{}, "edit.example.com", []string{"https://edit.example.com@evil.example"}, false},
		{"null", Options{}, "edit.example.com", []string{"null"}, false},
		{"empty", Options{}, "edit.example.com", []string{""}, false},
		{"no URL", Options{}, "edit.example.com", []string{"://%"}, false},
		{"two", Options{}, "edit.example.com", []string{"https://edit.example.com", "https://edit.example.com"}, false},
		{"missing", Options{}, "edit.example.com", nil, false},
		{"missing, allowed", Options{AllowMissingOrigin: true}, "edit.example.com", nil, true},
		{"other host, missing allowed", Options{AllowMissingOrigin: true}, "edit.example.com", []string{"https://evil.example"}, false},
		{"listed origin", listed, "edit.example.com", []string{"https://studio.example.com"}, true},
		{"listed origin, other scheme", listed, "edit.example.com", []string{"http://studio.example.com"}, false},
		{"listed host", listed, "edit.example.com", []string{"http://cms.example.com"}, true},
		{"listed extension", listed, "edit.example.com", []string{"chrome-extension://abc"}, true},
		{"other extension", listed, "edit.example.com", []string{"chrome-extension://abd"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Host: c.host, Header: http.Header{}}
			if c.origins != nil {
				r.Header["Origin"] = c.origins
			}
			if err := c.options.checkOrigin(r); (err == nil) != c.ok {
				t.Errorf("checkOrigin(%q at %s) = %v, want ok %t", c.origins, c.host, err, c.ok)
			}
		})
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
