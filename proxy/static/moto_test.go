package static

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// startMoto runs moto_server, a stand-in for S3 in memory, and returns its
// endpoint. Without it on this machine the test is skipped or, with CI=true, fails.
func startMoto(t *testing.T) (endpoint string) {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		path, err = exec.LookPath("../../.cache/moto/bin/moto_server")
	}
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("moto_server is not here")
	case err != nil:
		t.Skip(`moto_server is not here: "make moto" fetches it`)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-H", "127.0.0.1", "-p", fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { stop(); <-ended })
	for deadline := time.Now().Add(60 * time.Second); ; {
		if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
			_ = c.Close()
			return "http://" + address
		}
		select {
		case <-ended:
			t.Fatal("moto_server ended at once")
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("moto_server does not answer")
		}
	}
}

// TestMoto serves a bucket of moto through the SDK's real client.
func TestMoto(t *testing.T) {
	endpoint := startMoto(t)
	client := s3.NewFromConfig(awsTestConfig(), func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &endpoint, true })
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String("edit.example.com"),
	}, func(o *s3.Options) { o.Region = "us-east-1" })
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, contentType, cacheControl, text string) {
		t.Helper()
		in := &s3.PutObjectInput{Bucket: aws.String("edit.example.com"), Key: &key, Body: strings.NewReader(text), ContentType: &contentType}
		if cacheControl != "" {
			in.CacheControl = &cacheControl
		}
		if _, err := client.PutObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	put("secret.txt", "text/plain", "", "outside of the prefix")
	put("v1/index.html", "text/html; charset=utf-8", "", "<p>home")
	put("v1/docs/index.html", "text/html", "", "<p>docs")
	put("v1/404.html", "text/html", "", "<p>nothing here")
	put("v1/data.bin", "application/x-thing", "max-age=60", "0123456789")
	put("v1/a b/ü#1.txt", "text/plain", "", "odd")
	put("v1/empty.txt", "text/plain", "", "")
	open := func(o Options) *Handler {
		t.Helper()
		h, err := NewBucket(BucketOptions{Config: awsTestConfig(), Name: "edit.example.com", Prefix: "v1/", Endpoint: endpoint}, o, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = h.Close() })
		return h
	}
	h := open(Options{})
	first := do(t, h, "GET", "/data.bin")
	etag, modified := first.Header.Get("Etag"), first.Header.Get("Last-Modified")
	if etag == "" || modified == "" {
		t.Fatalf("header = %v, want an ETag and Last-Modified", first.Header)
	}
	for _, tt := range []struct {
		method, target string
		header         []string
		status         int
		want           string // body
		fields         map[string]string
	}{
		{"GET", "/data.bin", nil, 200, "0123456789", map[string]string{"Content-Type": "application/x-thing", "Cache-Control": "max-age=60", "Content-Length": "10"}},
		{"HEAD", "/data.bin", nil, 200, "", map[string]string{"Content-Type": "application/x-thing", "Content-Length": "10", "Etag": etag}},
		{"GET", "/", nil, 200, "<p>home", map[string]string{"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache"}},
		{"GET", "/docs/", nil, 200, "<p>docs", nil},
		{"GET", "/docs?a=b", nil, 301, "", map[string]string{"Location": "/docs/?a=b"}},
		{"GET", "/a%20b/%C3%BC%231.txt", nil, 200, "odd", nil},
		{"GET", "/empty.txt", nil, 200, "", map[string]string{"Content-Length": "0"}},

		{"GET", "/data.bin", []string{"Range", "bytes=2-4"}, 206, "234", map[string]string{"Content-Range": "bytes 2-4/10"}},
		{"GET", "/data.bin", []string{"Range", "bytes=-3"}, 206, "789", nil},
		{"GET", "/data.bin", []string{"Range", "bytes=7-"}, 206, "789", nil},
		{"HEAD", "/data.bin", []string{"Range", "bytes=7-"}, 206, "", map[string]string{"Content-Length": "3"}},
		{"GET", "/data.bin", []string{"Range", "bytes=10-"}, 416, "invalid range: failed to overlap\n", map[string]string{"Content-Range": "bytes */10"}},
		{"GET", "/data.bin", []string{"Range", "bytes=2-4", "If-Range", etag}, 206, "234", nil},
		{"GET", "/data.bin", []string{"Range", "bytes=2-4", "If-Range", `"other"`}, 200, "0123456789", nil},

		{"GET", "/data.bin", []string{"If-None-Match", etag}, 304, "", map[string]string{"Etag": etag, "Cache-Control": "max-age=60"}},
		{"GET", "/data.bin", []string{"If-None-Match", `"other"`}, 200, "0123456789", nil},
		{"GET", "/data.bin", []string{"If-Modified-Since", modified}, 304, "", nil},
		{"GET", "/data.bin", []string{"If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"}, 200, "0123456789", nil},
		{"GET", "/data.bin", []string{"If-Match", `"other"`}, 412, "", nil},

		{"GET", "/nothing", nil, 404, "<p>nothing here", map[string]string{"Content-Type": "text/html", "Cache-Control": "no-cache"}},
		{"HEAD", "/nothing", nil, 404, "", nil},
		{"GET", "/nothing", []string{"If-None-Match", "*"}, 404, "<p>nothing here", nil},
		{"GET", "/v1/data.bin", nil, 404, "<p>nothing here", nil},
		{"GET", "/../secret.txt", nil, 404, "<p>nothing here", nil},
		{"GET", "/a/../../secret.txt", nil, 404, "<p>nothing here", nil},
		{"GET", "/%2e%2e/secret.txt", nil, 404, "<p>nothing here", nil},
		{"PUT", "/data.bin", nil, 405, "method not allowed\n", nil},
	} {
		res := do(t, h, tt.method, tt.target, tt.header...)
		if got := body(t, res); res.StatusCode != tt.status || got != tt.want {
			t.Errorf("%s %s %v = %d %q, want %d %q", tt.method, tt.target, tt.header, res.StatusCode, got, tt.status, tt.want)
		}
		for name, want := range tt.fields {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s %s %v: %s = %q, want %q", tt.method, tt.target, tt.header, name, got, want)
			}
		}
	}

	spa := open(Options{Fallback: "index.html", CacheControl: "public, max-age=5", ErrorDocument: "docs/index.html"})
	if res := do(t, spa, "GET", "/some/page", "Sec-Fetch-Mode", "navigate"); res.StatusCode != 200 || body(t, res) != "<p>home" || res.Header.Get("Cache-Control") != "public, max-age=5" {
		t.Errorf("fall-back = %d, %v", res.StatusCode, res.Header)
	}
	if res := do(t, spa, "GET", "/some/thing.js", "Sec-Fetch-Mode", "no-cors"); res.StatusCode != 404 || body(t, res) != "<p>docs" {
		t.Errorf("a script that is not there = %d, want 404 with the error document", res.StatusCode)
	}
}
