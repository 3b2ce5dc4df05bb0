package static

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

func awsTestConfig() aws.Config {
	return aws.Config{Region: "us-west-2", Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")}
}

// fakeBucket is a handler for a bucket whose service is s3; the returned log is
// what the handler said.
func fakeBucket(t *testing.T, o Options, s3 http.HandlerFunc) (*Handler, *bytes.Buffer) {
	t.Helper()
	service := httptest.NewServer(s3)
	t.Cleanup(service.Close)
	var log bytes.Buffer
	h, err := NewBucket(BucketOptions{
		Config: awsTestConfig(), Name: "site", Prefix: "v1/", Endpoint: service.URL,
		OpenTimeout: 200 * time.Millisecond, ReadTimeout: 200 * time.Millisecond,
	}, o, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h, &log
}

// s3Error answers as S3 does; a HEAD has no body.
func s3Error(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>m</Message></Error>")
}

// TestBucketKeys: nothing is asked for but keys below the prefix, and the bucket
// is never listed.
func TestBucketKeys(t *testing.T) {
	var asked []string
	h, _ := fakeBucket(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.EscapedPath())
		if len(r.URL.Query()["list-type"]) > 0 {
			t.Errorf("the bucket is listed: %s", r.URL)
		}
		s3Error(w, 404, "NoSuchKey")
	})
	for target, want := range map[string]string{
		"/a.txt":               "GET /site/v1/a.txt, HEAD /site/v1/a.txt/index.html, GET /site/v1/404.html",
		"/docs/":               "GET /site/v1/docs/index.html, GET /site/v1/404.html",
		"/":                    "GET /site/v1/index.html, GET /site/v1/404.html",
		"/a%20b/%C3%BC+%23":    "GET /site/v1/a%20b/%C3%BC%2B%23, HEAD /site/v1/a%20b/%C3%BC%2B%23/index.html, GET /site/v1/404.html",
		"/../secret":           "GET /site/v1/404.html",
		"/%2e%2e/secret":       "GET /site/v1/404.html",
		"/..%2fsecret":         "GET /site/v1/404.html",
		"/a/..%5csecret":       "GET /site/v1/404.html",
		"/%252e%252e/secret":   "GET /site/v1/%252e%252e/secret, HEAD /site/v1/%252e%252e/secret/index.html, GET /site/v1/404.html",
		"/.env":                "GET /site/v1/404.html",
		"//other-bucket/x":     "GET /site/v1/404.html",
		"/?list-type=2&prefix": "GET /site/v1/index.html, GET /site/v1/404.html",
	} {
		asked = nil
		if res := do(t, h, "GET", target); res.StatusCode != 404 {
			t.Errorf("%s = %d, want 404", target, res.StatusCode)
		}
		if got := strings.Join(asked, ", "); got != want {
			t.Errorf("%s asked for\n%s, want\n%s", target, got, want)
		}
	}
}

func TestBucketErrors(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		want   int
		calls  int64
		logged string
	}{
		{403, "AccessDenied", 404, 3, "bucket denies access"},
		{404, "NoSuchKey", 404, 3, ""},
		{404, "NoSuchBucket", 502, 1, "NoSuchBucket"},
		{403, "SignatureDoesNotMatch", 502, 1, "SignatureDoesNotMatch"},
		{500, "InternalError", 502, 2, "InternalError"},
		{503, "SlowDown", 502, 2, "SlowDown"},
	} {
		var calls atomic.Int64
		h, log := fakeBucket(t, Options{}, func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			s3Error(w, tt.status, tt.code)
		})
		res := do(t, h, "GET", "/a.txt")
		text := body(t, res)
		if res.StatusCode != tt.want || calls.Load() != tt.calls || !strings.Contains(log.String(), tt.logged) || tt.logged == "" && log.Len() > 0 {
			t.Errorf("%s = %d after %d calls, want %d after %d; log: %s", tt.code, res.StatusCode, calls.Load(), tt.want, tt.calls, log)
		}
		if strings.Contains(text, tt.code) || strings.Contains(text, "site") {
			t.Errorf("%s: the answer tells about the bucket: %s", tt.code, text)
		}
	}
}

// TestBucketStalls: a service that does not answer is a 504; one that stops in the
// middle breaks the answer off.
func TestBucketStalls(t *testing.T) {
	h, _ := fakeBucket(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "half.txt") {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "01234")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})
	if res := do(t, h, "GET", "/none.txt"); res.StatusCode != 504 {
		t.Errorf("no answer = %d, want 504", res.StatusCode)
	}
	front := httptest.NewServer(h)
	defer front.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/half.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := front.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); string(got) != "01234" || err == nil {
		t.Errorf("half an object = %q, %v, want an error", got, err)
	}
}

// TestBucketStreams: the first bytes are out before the service has sent the last.
func TestBucketStreams(t *testing.T) {
	goOn := make(chan struct{})
	h, _ := fakeBucket(t, Options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "200000")
		_, _ = w.Write(bytes.Repeat([]byte("x"), 100_000))
		_ = http.NewResponseController(w).Flush()
		<-goOn
		_, _ = w.Write(bytes.Repeat([]byte("y"), 100_000))
	})
	h.source.(*bucket).options.ReadTimeout = time.Minute
	front := httptest.NewServer(h)
	defer front.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/big", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := front.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 50_000)
	if _, err := io.ReadFull(res.Body, first); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) != 150_000 {
		t.Errorf("rest = %d bytes, %v", len(rest), err)
	}
}

// TestBucketAsksForWhatIsNeeded: one call for a page, none for the body of what
// has not changed, and a part by its range alone.
func TestBucketAsksForWhatIsNeeded(t *testing.T) {
	var asked []string
	h, _ := fakeBucket(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.Header.Get("Range")+" "+r.Header.Get("If-Match")))
		w.Header().Set("Etag", `"e"`)
		w.Header().Set("Content-Length", "10")
		if r.Header.Get("Range") == "bytes=7-" {
			w.Header().Set("Content-Length", "3")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, "789")
			return
		}
		_, _ = io.WriteString(w, "0123456789")
	})
	for _, tt := range []struct {
		header []string
		status int
		want   string
	}{
		{nil, 200, "GET"},
		{[]string{"If-None-Match", `"e"`}, 304, "HEAD"},
		{[]string{"Range", "bytes=7-8"}, 206, `HEAD, GET bytes=7- "e"`},
		{[]string{"Range", "bytes=1-2,4-5,7-8"}, 200, "GET"},
		{[]string{"Range", "bytes=10-"}, 416, "HEAD"},
	} {
		asked = nil
		res := do(t, h, "GET", "/a.txt", tt.header...)
		if got := strings.Join(asked, ", "); res.StatusCode != tt.status || got != tt.want {
			t.Errorf("%v = %d, asked for %s, want %d, %s", tt.header, res.StatusCode, got, tt.status, tt.want)
		}
	}
}

func TestBucketOptions(t *testing.T) {
	for _, prefix := range []string{"/site", "a/../b", "..", ".git/", "a//b"} {
		if _, err := NewBucket(BucketOptions{Config: awsTestConfig(), Name: "b", Prefix: prefix}, Options{}, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("prefix %q is accepted", prefix)
		}
	}
	for _, o := range []Options{{Index: "a/b"}, {Index: ".x"}, {ErrorDocument: "../x"}, {Fallback: "/x"}} {
		if _, err := NewBucket(BucketOptions{Config: awsTestConfig(), Name: "b"}, o, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// TestBucketGone: the client's going away is nobody's error.
func TestBucketGone(t *testing.T) {
	h, log := fakeBucket(t, Options{}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("gone"))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != statusClientGone || log.Len() > 0 {
		t.Errorf("status = %d, log %s", w.Code, log)
	}
}
