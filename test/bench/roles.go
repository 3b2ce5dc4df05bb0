package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serve prints the address and serves until the process ends.
func serve(h http.Handler) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	return (&http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}).Serve(ln)
}

// runUpstream answers what the scenarios ask for.
func runUpstream() error {
	small := []byte(strings.Repeat("x", 1024))
	page := []byte("<!doctype html><html><head><meta charset=utf-8><title>t</title></head><body>" +
		strings.Repeat(`<p><a href="/second">second</a> <img src="/logo.png"> some text of a page</p>`, 105) + "</body></html>")
	mux := http.NewServeMux()
	answer := func(contentType string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body)
		}
	}
	mux.HandleFunc("/1k", answer("application/octet-stream", small))
	mux.HandleFunc("/page", answer("text/html", page))
	mux.HandleFunc("/", answer("text/plain", []byte("ok")))
	return serve(mux)
}

// runBare is the yardstick: httputil.ReverseProxy as tuned as its options allow.
func runBare(target string) error {
	pool := &buffers{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: target})
			r.SetXForwarded()
		},
		BufferPool: pool,
		Transport:  &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true, IdleConnTimeout: 90 * time.Second},
	}
	metrics := promhttp.Handler()
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			metrics.ServeHTTP(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[32 << 10]byte); ok {
		return p[:]
	}
	return new([32 << 10]byte)[:]
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[32 << 10]byte)(p)) }
