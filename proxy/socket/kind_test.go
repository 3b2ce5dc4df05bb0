package socket

import (
	"net/http"
	"testing"
)

func TestKindOf(t *testing.T) {
	for protocol, want := range map[string]Kind{
		"":                    Other,
		"vite-hmr":            HMR,
		" vite-hmr ":          HMR,
		"vite-ping":           Ping,
		"vite-hmr, x":         Other,
		"vite-hmr, vite-ping": Other,
		"VITE-HMR":            Other,
		"graphql-ws":          Other,
	} {
		r := &http.Request{Header: http.Header{}}
		if protocol != "" {
			r.Header.Set("Sec-WebSocket-Protocol", protocol)
		}
		if got := KindOf(r); got != want {
			t.Errorf("KindOf(%q) = %q, want %q", protocol, got, want)
		}
	}
	twice := &http.Request{Header: http.Header{"Sec-Websocket-Protocol": {"vite-hmr", "x"}}}
	if got := KindOf(twice); got != Other {
		t.Errorf("KindOf(two lines) = %q, want %q", got, Other)
	}
}
