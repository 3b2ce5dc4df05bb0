package proxy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.ready()
		for _, tt := range []struct {
			name, method, request string
			status                int
			closed                bool
		}{
			{"plain", "GET", "GET /session/demo/ HTTP/1.1\r\nHost: w\r\n\r\n", 200, false},
			{"trace", "TRACE", "TRACE /session/demo/ HTTP/1.1\r\nHost: w\r\n\r\n", 405, false},
			{"connect", "CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 405, false},
			{"asterisk", "OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: w\r\n\r\n", 200, false}, // net/http answers it
			{"get asterisk", "GET", "GET * HTTP/1.1\r\nHost: w\r\n\r\n", 400, false},
			{"dots", "GET", "GET /session/demo/../x HTTP/1.1\r\nHost: w\r\n\r\n", 400, false},
			{"encoded dots", "GET", "GET /session/demo/%2e%2E/x HTTP/1.1\r\nHost: w\r\n\r\n", 400, false},
			{"dots behind an encoded slash", "GET", "GET /session/demo/a%2f..%2fx HTTP/1.1\r\nHost: w\r\n\r\n", 400, false},
			{"backslash", "GET", "GET /session/demo/..%5cx HTTP/1.1\r\nHost: w\r\n\r\n", 400, false},
			{"nul", "GET", "GET /session/demo/%00 HTTP/1.1\r\nHost: w\r\n\r\n", 400, false},
			{"h2c", "GET", "GET /session/demo/ HTTP/1.1\r\nHost: w\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n", 200, false},
			{"both framings", "POST", "POST /session/demo/ HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, true},
			{"two lengths", "POST", "POST /session/demo/ HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, true},
			{"no host", "GET", "GET /session/demo/ HTTP/1.1\r\n\r\n", 400, true},
		} {
			res, body, closed := b.raw(tt.method, tt.request)
			if res.StatusCode != tt.status || closed != tt.closed {
				t.Errorf("%s = %d, closed %v; want %d, closed %v: %.200s", tt.name, res.StatusCode, closed, tt.status, tt.closed, body)
			}
			if tt.status == http.StatusMethodNotAllowed && res.Header.Get("Allow") == "" {
				t.Errorf("%s: 405 without Allow", tt.name)
			}
		}
	})
}

// TestGuardAuthority: net/http takes any :authority of HTTP/2 for the Host.
func TestGuardAuthority(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.ready()
		for host, status := range map[string]int{
			"edit.example.com:8443": 200, "[::1]:443": 200, "w": 200,
			"w/x": 400, "w?x": 400, "w x": 400, `w\x`: 400, "user@w": 400, "w\"x": 400,
		} {
			r := httptest.NewRequest(http.MethodGet, "/session/demo/x", http.NoBody)
			r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host = "HTTP/2.0", 2, 0, host
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			if w.Code != status {
				t.Errorf("%q = %d, want %d", host, w.Code, status)
			}
		}
	})
}

// TestRefusedHandshakeSaysWhy: a client is told its own mistake.
func TestRefusedHandshakeSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.ready()
		res, body, _ := b.raw("GET", "GET /session/demo/ HTTP/1.1\r\nHost: w\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "Origin") {
			t.Errorf("a handshake without Origin = %d %s, want 403 that says so", res.StatusCode, body)
		}
	})
}
