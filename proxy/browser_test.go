package proxy

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestFormDuringAColdStart: a form that a person sends to a sleeping site is held,
// and delivered once. If the start takes too long the page says that it was not
// delivered, and does not open the form's address by itself.
func TestFormDuringAColdStart(t *testing.T) {
	form := maps.Clone(navigation)
	form["Content-Type"], form["Sec-Fetch-User"], form["Sec-Fetch-Site"] = "application/x-www-form-urlencoded", "?1", "same-origin"
	for _, tt := range []struct {
		name   string
		start  time.Duration
		status int
		text   string
	}{
		{"in time", 3 * time.Second, http.StatusOK, "POST /contact name=a"},
		{"too late", time.Minute, http.StatusServiceUnavailable, "What you sent was not delivered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBed(t, echo, nil)
				b.backends.delay = tt.start
				r := b.do(t.Context(), "POST", "/session/demo/contact", form, strings.NewReader("name=a"))
				if r.err != nil || r.StatusCode != tt.status || !strings.Contains(r.body, tt.text) {
					t.Errorf("form to a sleeping site = %v %v, want %d with %q", r.Response, r.err, tt.status, tt.text)
				}
				if strings.Contains(r.body, `http-equiv="refresh"`) {
					t.Error("the page opens the form's address without the form")
				}
			})
		})
	}
}

// TestPageInAFrame: a preview in a frame of this host shows the warming page, too.
func TestPageInAFrame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.backends.delay = time.Minute
		frame := maps.Clone(navigation)
		frame["Sec-Fetch-Dest"], frame["Sec-Fetch-Site"] = "iframe", "same-origin"
		r := b.get("/session/demo/", frame)
		if r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(r.Header.Get("Content-Security-Policy"), "frame-ancestors 'self'") {
			t.Errorf("framed page = %d %s", r.StatusCode, r.Header.Get("Content-Security-Policy"))
		}
	})
}

// TestBarePathKeepsTheMethod: a form sent to the path without its slash is sent on
// with its body.
func TestBarePathKeepsTheMethod(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, echo, nil)
		b.ready()
		r := b.do(t.Context(), "POST", "/session/demo?a=1", nil, strings.NewReader("form"))
		if r.err != nil || r.StatusCode != http.StatusPermanentRedirect || r.Header.Get("Location") != "/session/demo/?a=1" {
			t.Errorf("bare POST = %v %v", r.Response, r.err)
		}
	})
}

// TestPreflightOfAWarmSession: the site answers it, and it counts as nothing.
func TestPreflightOfAWarmSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
			w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			w.WriteHeader(http.StatusNoContent)
		}), nil)
		b.ready()
		r := b.do(t.Context(), "OPTIONS", "/session/demo/api", map[string]string{
			"Origin": "https://app.example", "Access-Control-Request-Method": "PUT", "Sec-Fetch-Mode": "cors",
		}, nil)
		if r.err != nil || r.StatusCode != http.StatusNoContent ||
			r.Header.Get("Access-Control-Allow-Methods") != "PUT" || r.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
			t.Errorf("preflight = %v %v", r.Response, r.err)
		}
		if k := b.touches.kinds(); len(k) != 0 {
			t.Errorf("activity = %v, want none", k)
		}
	})
}

// TestRange: a part of a file stays that part, also below a prefix, and also of a
// kind that is rewritten when it comes whole.
func TestRange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const text = `body{background:url("/image.png")}`
		b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/css")
			http.ServeContent(w, r, "a.css", time.Time{}, strings.NewReader(text))
		}), nil)
		b.ready()
		r := b.get("/session/demo/a.css", map[string]string{"Range": "bytes=5-14"})
		if r.StatusCode != http.StatusPartialContent || r.body != text[5:15] || !strings.HasPrefix(r.Header.Get("Content-Range"), "bytes 5-14/") {
			t.Errorf("part = %d %s %q", r.StatusCode, r.Header.Get("Content-Range"), r.body)
		}
	})
}

// TestEncodedUpload: what the client has compressed arrives as it was sent.
func TestEncodedUpload(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, "hello")
	_ = z.Close()
	bubble(t, func(t *testing.T) {
		var got []byte
		b := newBed(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Content-Encoding") == "gzip" {
				got, _ = io.ReadAll(r.Body)
			}
		}), nil)
		b.ready()
		r := b.do(t.Context(), "PUT", "/session/demo/x", map[string]string{"Content-Encoding": "gzip"}, bytes.NewReader(packed.Bytes()))
		if r.err != nil || !bytes.Equal(got, packed.Bytes()) {
			t.Errorf("the site got %q, want %q; %v", got, packed.Bytes(), r.err)
		}
	})
}
