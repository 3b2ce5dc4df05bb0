package socket

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/webordinary/warmgate/session"
)

func handshakeRequest(change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://edit.example.com/session/s1/", http.NoBody)
	r.Header = http.Header{
		"Connection":            {"keep-alive, Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"dGhlIHNhbXBsZSBub25jZQ=="},
		"Origin":                {"http://edit.example.com"},
	}
	if change != nil {
		change(r)
	}
	return r
}

func TestHandshake(t *testing.T) {
	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"good", nil, 0},
		{"any case", set("Upgrade", "WebSocket"), 0},
		{"no upgrade in connection", set("Connection", "keep-alive"), 426},
		{"upgrade to something else", set("Upgrade", "h2c"), 426},
		{"POST", func(r *http.Request) { r.Method = http.MethodPost }, 400},
		{"body", func(r *http.Request) { r.ContentLength = 4 }, 400},
		{"HTTP/1.0", func(r *http.Request) { r.ProtoMinor = 0 }, 400},
		{"HTTP/2", func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }, 400},
		{"old version", set("Sec-Websocket-Version", "8"), 426},
		{"no version", set("Sec-Websocket-Version"), 426},
		{"no key", set("Sec-Websocket-Key"), 400},
		{"short key", set("Sec-Websocket-Key", "dGhlIHNhbXBsZQ=="), 400},
		{"key that is no base64", set("Sec-Websocket-Key", strings.Repeat("?", 24)), 400},
		{"two keys", set("Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := checkHandshake(handshakeRequest(c.change))
			if got != c.want || (err == nil) != (c.want == 0) {
				t.Errorf("checkHandshake = %d, %v, want %d", got, err, c.want)
			}
		})
	}
}

func TestRefusalsAreWrittenByTheCaller(t *testing.T) {
	h := New(Options{Refuse: func(w http.ResponseWriter, r *http.Request, status int, err error) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, r.URL.Path+": "+err.Error())
	}})
	w := httptest.NewRecorder()
	h.Serve(w, handshakeRequest(nil), Request{})
	if got, want := w.Body.String(), "/session/s1/: "+session.ErrNotFound.Error(); w.Code != 404 || got != want {
		t.Errorf("answer = %d %q, want 404 %q", w.Code, got, want)
	}
}

func TestBadHandshakeIsAnsweredAsRFC6455Wants(t *testing.T) {
	h := New(Options{})
	w := httptest.NewRecorder()
	var out Outcome
	h.Serve(w, handshakeRequest(func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }), Request{
		Done: func(o Outcome) { out = o },
	})
	if w.Code != 426 || w.Header().Get("Sec-WebSocket-Version") != "13" || w.Header().Get("Upgrade") != "websocket" {
		t.Errorf("answer = %d %v, want 426 that names version 13 and websocket", w.Code, w.Header())
	}
	if out.Status != 426 || out.Err == nil {
		t.Errorf("Outcome = %+v, want status 426 and its cause", out)
	}
}
