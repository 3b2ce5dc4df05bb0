package route

import "testing"

func TestManagementPath(t *testing.T) {
	tests := []struct {
		base     string
		patterns []string
		path     string
		want     string
		ok       bool
	}{
		{"", []string{"/hermes/api/sessions/*"}, "/hermes/api/sessions/activate", "/api/sessions/activate", true},
		{"", []string{"/hermes/api/sessions/*"}, "/hermes/api/sessions/u%23t/status", "/api/sessions/u%23t/status", true},
		{"", []string{"/hermes/api/sessions", "/hermes/api/sessions/*"}, "/hermes/api/sessions", "/api/sessions", true},
		// The API's words in an id do not move the base.
		{"", []string{"/hermes/api/sessions/*"}, "/hermes/api/sessions/api/sessions/x", "/api/sessions/api/sessions/x", true},
		{"", []string{"/api/*"}, "/api/sessions/a/status", "/api/sessions/a/status", true},
		{"", []string{"/api/*"}, "/api/other", "", false},
		{"", []string{"/*"}, "/x/api/sessions/a/status", "", false},
		{"/hermes", []string{"/hermes/*"}, "/hermes/api/sessions/a/status", "/api/sessions/a/status", true},
		{"/hermes", []string{"/hermes/*"}, "/hermes/x/api/sessions/a", "", false},
		{"/hermes", []string{"/hermes/*"}, "/hermes/api/sessionsx", "", false},
		{"/hermes", []string{"/*"}, "/api/sessions", "", false},
	}
	for _, tt := range tests {
		for r := range newTable(t, Rule{Priority: 1, Conditions: paths(tt.patterns...), Action: &Management{Base: tt.base}}).Rules() {
			got, ok := r.ManagementPath(tt.path)
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("base %q, %v: ManagementPath(%q) = %q, %t, want %q, %t", tt.base, tt.patterns, tt.path, got, ok, tt.want, tt.ok)
			}
		}
	}
}

func TestPort(t *testing.T) {
	s := &Session{Pool: "p", Ports: []PathPort{{"/*", 1}, {"/api/*", 8080}, {"/api/v?/*", 8081}, {"/ws", 9000}}}
	named := &Session{Pool: "p", Port: 7000, Ports: s.Ports}
	for r := range newTable(t, Rule{Priority: 1, Conditions: paths("/s/*"), Action: s}, Rule{Priority: 2, Conditions: paths("/n/*"), Action: named}).Rules() {
		for path, want := range map[string]int{
			"/": 1, "/api": 1, "/api/": 8080, "/api/x": 8080, "/api/v1/x": 8081, "/api/v10/x": 8080, "/ws": 9000, "/wsx": 1, "/API/x": 1, "": 0,
		} {
			if r.Action == named {
				want = 7000
			}
			if got := r.Port(r.Action.(*Session), path); got != want {
				t.Errorf("Port(%q) of %s = %d, want %d", path, r, got, want)
			}
		}
	}
}
