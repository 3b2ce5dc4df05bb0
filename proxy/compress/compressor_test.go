package compress_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/compress"
)

// page is a text that is worth coding.
var page = strings.Repeat("<p>Warm words for a sleeping site.</p>\n", 5000)

// answer returns an upstream's answer with the fields name, value, name, value…
func answer(status int, length int64, body io.Reader, fields ...string) *http.Response {
	res := &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: length, Body: io.NopCloser(body)}
	for i := 0; i < len(fields); i += 2 {
		res.Header.Add(fields[i], fields[i+1])
	}
	return res
}

func request(method, acceptEncoding string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	if acceptEncoding != "" {
		r.Header.Set("Accept-Encoding", acceptEncoding)
	}
	return r
}

func decode(t *testing.T, r io.Reader) string {
	t.Helper()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatalf("the body is not gzip: %v", err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatalf("the body ends badly: %v", err)
	}
	return string(plain)
}

func TestResponse(t *testing.T) {
	const html = "text/html; charset=utf-8"
	whole := int64(len(page))
	for name, c := range map[string]struct {
		method, accept string
		status         int
		length         int64
		fields         []string
		coded, varies  bool
	}{
		"html":                 {accept: "gzip, deflate, br", fields: []string{"Content-Type", html}, coded: true, varies: true},
		"of known length":      {accept: "gzip", length: whole, fields: []string{"Content-Type", html}, coded: true, varies: true},
		"any coding":           {accept: "*", fields: []string{"Content-Type", html}, coded: true, varies: true},
		"an error page":        {accept: "gzip", status: 404, fields: []string{"Content-Type", html}, coded: true, varies: true},
		"script":               {accept: "gzip", fields: []string{"Content-Type", "Text/JavaScript"}, coded: true, varies: true},
		"json of some kind":    {accept: "gzip", fields: []string{"Content-Type", "application/problem+json"}, coded: true, varies: true},
		"svg":                  {accept: "gzip", fields: []string{"Content-Type", "image/svg+xml"}, coded: true, varies: true},
		"says identity":        {accept: "gzip", fields: []string{"Content-Type", html, "Content-Encoding", "identity"}, coded: true, varies: true},
		"HEAD":                 {method: "HEAD", accept: "gzip", fields: []string{"Content-Type", html}, coded: true, varies: true},
		"no gzip":              {accept: "br", fields: []string{"Content-Type", html}, varies: true},
		"gzip refused":         {accept: "gzip;q=0, *", fields: []string{"Content-Type", html}, varies: true},
		"a malformed weight":   {accept: "gzip;q=much", fields: []string{"Content-Type", html}, varies: true},
		"no Accept-Encoding":   {fields: []string{"Content-Type", html}, varies: true},
		"short":                {accept: "gzip", length: 1023, fields: []string{"Content-Type", html}},
		"empty":                {accept: "gzip", status: 204, length: 0, fields: []string{"Content-Type", html}},
		"coded already":        {accept: "gzip", fields: []string{"Content-Type", html, "Content-Encoding", "br"}},
		"an event stream":      {accept: "gzip", fields: []string{"Content-Type", "text/event-stream; charset=utf-8"}},
		"a picture":            {accept: "gzip", fields: []string{"Content-Type", "image/png"}},
		"no type":              {accept: "gzip"},
		"a part":               {accept: "gzip", status: 206, fields: []string{"Content-Type", html}},
		"a confirmation":       {accept: "gzip", status: 304, length: 0, fields: []string{"Content-Type", html, "Etag", `"1"`}},
		"must not be changed":  {accept: "gzip", fields: []string{"Content-Type", html, "Cache-Control", "public, No-Transform"}},
		"switches protocols":   {accept: "gzip", status: 101, fields: []string{"Content-Type", html}},
		"varies by it already": {accept: "gzip", fields: []string{"Content-Type", html, "Vary", "accept-encoding"}, coded: true, varies: true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodGet
			}
			if c.status == 0 {
				c.status = http.StatusOK
			}
			if c.length == 0 && c.status != 204 && c.status != 304 {
				c.length = -1
			}
			res := answer(c.status, c.length, strings.NewReader(page), c.fields...)
			before := res.Header.Clone()
			new(compress.Compressor).Response(request(c.method, c.accept), res)

			if got := res.Header.Get("Content-Encoding") == "gzip"; got != c.coded {
				t.Errorf("coded: %t, want %t", got, c.coded)
			}
			if got := strings.EqualFold(strings.Join(res.Header["Vary"], "|"), "Accept-Encoding"); got != c.varies {
				t.Errorf("Vary is %q, want it to name Accept-Encoding: %t", res.Header["Vary"], c.varies)
			}
			switch {
			case !c.coded:
				res.Header.Del("Vary")
				if diff := cmp.Diff(before, res.Header); diff != "" {
					t.Errorf("the header was changed (-before +after):\n%s", diff)
				}
				if body, _ := io.ReadAll(res.Body); string(body) != page {
					t.Error("the body was changed")
				}
			case c.method == http.MethodGet:
				if got := decode(t, res.Body); got != page {
					t.Errorf("decoded: %d bytes that differ from the page's %d", len(got), len(page))
				}
			}
		})
	}
}

// TestHeader: what describes the bytes goes, and the validator becomes weak.
func TestHeader(t *testing.T) {
	res := answer(200, int64(len(page)), strings.NewReader(page),
		"Content-Type", "text/css", "Content-Length", "195000", "Etag", `"v1"`, "Accept-Ranges", "bytes",
		"Content-Digest", "sha-256=:AA==:", "Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT", "Vary", "Origin")
	new(compress.Compressor).Response(request("GET", "gzip"), res)
	want := http.Header{
		"Content-Type": {"text/css"}, "Content-Encoding": {"gzip"}, "Etag": {`W/"v1"`},
		"Last-Modified": {"Mon, 02 Jan 2006 15:04:05 GMT"}, "Vary": {"Origin", "Accept-Encoding"},
	}
	if diff := cmp.Diff(want, res.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if res.ContentLength != -1 {
		t.Errorf("ContentLength is %d, want -1", res.ContentLength)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	if _, err := res.Body.Read(make([]byte, 1)); err == nil {
		t.Error("a closed body can be read")
	}
}

// TestConfirmation: a 304 has the validator that the client knows.
func TestConfirmation(t *testing.T) {
	for _, c := range []struct{ asked, sent, want string }{
		{`W/"1"`, `"1"`, `W/"1"`},
		{`"0", W/"1"`, `"1"`, `W/"1"`},
		{`"1"`, `"1"`, `"1"`},
		{`W/"1"`, `W/"1"`, `W/"1"`},
		{`W/"1"`, `"2"`, `"2"`},
		{`*`, `"1"`, `"1"`},
	} {
		r := request("GET", "gzip")
		r.Header.Set("If-None-Match", c.asked)
		res := answer(304, 0, strings.NewReader(""), "Etag", c.sent)
		new(compress.Compressor).Response(r, res)
		if got := res.Header.Get("Etag"); got != c.want || res.Header.Get("Content-Encoding") != "" {
			t.Errorf("asked with %s, the site's 304 with %s has %s, want %s", c.asked, c.sent, got, c.want)
		}
	}
	res := answer(304, 0, strings.NewReader(""))
	r := request("GET", "gzip")
	r.Header.Set("If-None-Match", `W/"1"`)
	new(compress.Compressor).Response(r, res)
	if _, there := res.Header["Etag"]; there {
		t.Error("a 304 without a validator has one")
	}
}

// TestStream: what the upstream has sent can be read while it pauses.
func TestStream(t *testing.T) {
	upstream, feed := io.Pipe()
	res := answer(200, -1, upstream, "Content-Type", "text/html")
	new(compress.Compressor).Response(request("GET", "gzip"), res)
	defer res.Body.Close()
	// The answer is read as a client does: decoded as it comes.
	parts := []string{"<html>", "<p>first</p>", "<p>second</p>"}
	proceed := make(chan struct{})
	go func() {
		for _, part := range parts {
			_, _ = io.WriteString(feed, part)
			<-proceed // a dev server that renders on
		}
		feed.Close()
	}()
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		got := make([]byte, len(part))
		if _, err := io.ReadFull(z, got); err != nil || string(got) != part {
			t.Fatalf("read %q, %v, want %q before the next part is sent", got, err, part)
		}
		proceed <- struct{}{}
	}
	if rest, err := io.ReadAll(z); err != nil || len(rest) > 0 {
		t.Errorf("the end: %q, %v", rest, err)
	}
}

// TestBrokenOff: a body that breaks off must not look whole.
func TestBrokenOff(t *testing.T) {
	broken := errors.New("connection reset")
	res := answer(200, -1, io.MultiReader(strings.NewReader(page), iotest.ErrReader(broken)), "Content-Type", "text/html")
	new(compress.Compressor).Response(request("GET", "gzip"), res)
	coded, err := io.ReadAll(res.Body)
	if !errors.Is(err, broken) {
		t.Errorf("reading ends with %v, want the upstream's error", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(coded))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(z); err == nil || !strings.HasPrefix(page, string(plain)) {
		t.Errorf("decoding gives %d bytes and %v, want a beginning of the page and an error", len(plain), err)
	}
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(page), 100, true)
	f.Add([]byte{}, 1, false)
	f.Fuzz(func(t *testing.T, plain []byte, part int, streams bool) {
		length := int64(-1)
		if !streams {
			plain = append(plain, page...) // long enough
			length = int64(len(plain))
		}
		reader := io.Reader(bytes.NewReader(plain))
		if part%2 == 0 {
			reader = iotest.OneByteReader(bytes.NewReader(plain))
		}
		res := answer(200, length, reader, "Content-Type", "text/plain")
		new(compress.Compressor).Response(request("GET", "gzip"), res)
		if got := decode(t, res.Body); got != string(plain) {
			t.Fatalf("%d bytes became %d others", len(plain), len(got))
		}
	})
}

func BenchmarkResponse(b *testing.B) {
	c := new(compress.Compressor)
	r := request("GET", "gzip")
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		res := answer(200, -1, strings.NewReader(page), "Content-Type", "text/html")
		c.Response(r, res)
		n, _ := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		b.ReportMetric(float64(n)/float64(len(page)), "coded/plain")
	}
}
