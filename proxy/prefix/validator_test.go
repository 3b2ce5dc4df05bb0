package prefix

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestConditionalRequests follows a validator from the site to the browser and back.
func TestConditionalRequests(t *testing.T) {
	rw, err := New(Options{Prefix: "/session/demo/"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{`W/"12-abc"`, `"strong"`} {
		client := Exchange{Method: http.MethodGet, Path: "/@vite/client", Host: "h"}
		h := http.Header{"Content-Type": {"text/javascript"}, "Etag": {tag}}
		rw.Response(client, http.StatusOK, h, io.NopCloser(strings.NewReader("x")))
		given := h.Get("Etag")
		if !strings.HasPrefix(given, `W/"`) || given == tag {
			t.Fatalf("a rewritten body has the validator %s, want a weak one of its own", given)
		}

		request := http.Header{"If-None-Match": {`"other", ` + given}}
		rw.Request(request, "h")
		if got, want := request.Get("If-None-Match"), `"other", `+weak(tag); got != want {
			t.Errorf("the site is asked with %s, want %s", got, want)
		}

		client.IfNoneMatch = given
		h = http.Header{"Etag": {tag}}
		if _, kind := rw.Response(client, http.StatusNotModified, h, http.NoBody); kind != None || h.Get("Etag") != given {
			t.Errorf("a 304 has the validator %s, want %s", h.Get("Etag"), given)
		}
	}
}

// TestValidatorOfAnotherRewriting: a copy that another version made is not confirmed.
func TestValidatorOfAnotherRewriting(t *testing.T) {
	if got := unmarkValidators(`W/"1~wg00000000"`); got != "" {
		t.Errorf("unmarkValidators = %q, want nothing", got)
	}
	if got := unmarkValidators(`W/"1", "2"`); got != `W/"1", "2"` {
		t.Errorf("unmarkValidators = %q, want it unchanged", got)
	}
}

// TestUntouchedBodyKeepsItsValidator, also in a 304 that a browser asked for with the site's own.
func TestUntouchedBodyKeepsItsValidator(t *testing.T) {
	rw, err := New(Options{Prefix: "/session/demo/"})
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{http.StatusOK, http.StatusNotModified} {
		h := http.Header{"Content-Type": {"image/png"}, "Etag": {`"v"`}}
		rw.Response(Exchange{Method: http.MethodGet, Path: "/x.png", IfNoneMatch: `"v"`}, status, h, http.NoBody)
		if h.Get("Etag") != `"v"` {
			t.Errorf("%d: validator %s", status, h.Get("Etag"))
		}
	}
}
