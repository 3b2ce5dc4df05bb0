package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSlowClients: connections that never finish a request's header, or a TLS
// handshake, are cut however busy they are, and everybody else is served meanwhile.
// The shapes are those of slowhttptest: slow headers, and headers that never end.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const each = 50
	s, secure := startTLS(t, staticPool(site(t))+fixedRoute("hello")+"limits: { read_header_timeout: 1s }\n")
	defer s.end()
	plain := strings.TrimPrefix(addressOf(s), "http://")

	var cut atomic.Int64
	var attack sync.WaitGroup
	for name, shape := range map[string]struct {
		address, begin, drop string
		tls                  bool
	}{
		"silence":             {address: plain},
		"slow request line":   {address: plain, begin: "G", drop: "E"},
		"slow header":         {address: plain, begin: "GET / HTTP/1.1\r\nHost: w\r\n", drop: "X-A: b\r\n"},
		"slow second request": {address: plain, begin: "GET / HTTP/1.1\r\nHost: w\r\n\r\nGET / HTTP/1.1\r\n", drop: "X-A: b\r\n"},
		"no handshake":        {address: secure},
		"slow header by TLS":  {address: secure, begin: "GET / HTTP/1.1\r\nHost: w\r\n", drop: "X-A: b\r\n", tls: true},
	} {
		for range each {
			attack.Go(func() {
				conn, err := net.Dial("tcp", shape.address)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				defer conn.Close()
				if shape.tls {
					conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
				}
				if trickle(conn, shape.begin, shape.drop) {
					cut.Add(1)
				} else {
					t.Errorf("%s: the connection outlived the header's timeout by far", name)
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { attack.Wait(); close(done) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	served := 0
	for serving := true; serving; served++ {
		if got := fetch(client, addressOf(s)); got != "HTTP/1.1 200 hello" {
			t.Fatalf("while slow clients are there = %q", got)
		}
		select {
		case <-done:
			serving = false
		default:
		}
	}
	t.Logf("%d connections cut, %d requests served meanwhile", cut.Load(), served)
}

// addressOf is the plain listener's URL.
func addressOf(s *server) string {
	_, rest, _ := strings.Cut(s.stderr.String(), "listens on ")
	url, _, _ := strings.Cut(rest, "\n")
	return url
}

// trickle sends begin and then drop after drop, and reports whether the other side
// ends the connection within many times the header's timeout.
func trickle(conn net.Conn, begin, drop string) (ended bool) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
	}()
	_, _ = io.WriteString(conn, begin)
	next := time.NewTicker(100 * time.Millisecond)
	defer next.Stop()
	patience := time.NewTimer(15 * time.Second)
	defer patience.Stop()
	for {
		select {
		case <-gone:
			return true
		case <-patience.C:
			_ = conn.Close()
			<-gone
			return false
		case <-next.C:
			_, _ = io.WriteString(conn, drop) // fails once the connection is cut
		}
	}
}
