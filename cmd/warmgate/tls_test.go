package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// writeCertificate makes a certificate for localhost and the name, signed by
// itself, in files of the folder that are called after the name.
func writeCertificate(t *testing.T, folder, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(folder, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var tlsLine = regexp.MustCompile(`tls +https://(\S+)`)

// startTLS runs serve with a TLS listener for localhost and a.example.com, and
// returns that listener's address, too.
func startTLS(t *testing.T, config string) (s *server, address string) {
	t.Helper()
	s = newServerIn(t, t.TempDir(), `tls:
  listen: 127.0.0.1:0
  cert_file: localhost.pem
  key_file: localhost.key
  certificates: [{ cert_file: a.example.com.pem, key_file: a.example.com.key }]
`+config)
	writeCertificate(t, s.folder, "localhost")
	writeCertificate(t, s.folder, "a.example.com")
	s.start()
	m := tlsLine.FindStringSubmatch(s.stderr.String())
	if m == nil {
		t.Fatalf("serve does not tell the TLS listener's address:\n%s", s.stderr.String())
	}
	return s, m[1]
}

// tlsClient speaks HTTP/2, or HTTP/1.1 alone.
func tlsClient(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: protocols,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// TestTLS: the site, requests that are held, and event streams over both versions
// of HTTP.
func TestTLS(t *testing.T) {
	t.Parallel()
	ready := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ready:
		case <-r.Context().Done():
			return
		}
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				_ = http.NewResponseController(w).Flush()
			}
			return
		}
		fmt.Fprintf(w, "%s from %s, port %s", r.URL.Path, r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Port"))
	}))
	t.Cleanup(upstream.Close)
	s, address := startTLS(t, staticPool(upstream.Listener.Addr().String()))
	defer s.end()
	if _, err := s.cli("session", "activate", "--client", "demo", "--id", "demo", "--asleep"); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	clients := map[string]*http.Client{"HTTP/1.1": tlsClient(t, false), "HTTP/2.0": tlsClient(t, true)}
	answered := make(chan string, len(clients))
	for _, client := range clients {
		go func() { answered <- fetch(client, "https://"+address+"/session/demo/held.js") }()
	}
	eventually(t, "the requests are held", func() bool { return s.metric("warmgate_held_requests ") == float64(len(clients)) })
	close(ready)
	for range clients {
		if got := <-answered; !strings.HasSuffix(got, " 200 /held.js from https, port "+port) {
			t.Errorf("a held request = %q", got)
		}
	}
	for version, client := range clients {
		want := version + " 200 /x from https, port " + port
		if got := fetch(client, "https://"+address+"/session/demo/x"); got != want {
			t.Errorf("site = %q, want %q", got, want)
		}
		want = version + " 200 data: 0\n\ndata: 1\n\ndata: 2\n\n"
		if got := fetch(client, "https://"+address+"/session/demo/events"); got != want {
			t.Errorf("event stream = %q, want %q", got, want)
		}
	}
	if out := s.stdout.String(); strings.Contains(s.stderr.String(), "panic") {
		t.Errorf("something panicked:\n%s%s", out, s.stderr.String())
	}
}

// fetch returns version, status and body of the answer.
func fetch(client *http.Client, url string) string {
	res, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %d %s", res.Proto, res.StatusCode, body)
}

// TestWarmingPageOverHTTP2: a navigation to a sleeping session gets the page, and
// its event stream tells of the start.
func TestWarmingPageOverHTTP2(t *testing.T) {
	t.Parallel()
	s, address := startTLS(t, staticPool("127.0.0.1:1")+"cold: { page_grace: 10ms }\n")
	defer s.end()
	if _, err := s.cli("session", "activate", "--client", "demo", "--id", "demo", "--asleep"); err != nil {
		t.Fatal(err)
	}
	client := tlsClient(t, true)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/session/demo/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.ProtoMajor != 2 || res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(page), "<html") {
		t.Errorf("page = %s %d %.80q", res.Proto, res.StatusCode, page)
	}
	if res, err = client.Get("https://" + address + "/session/demo/.warmgate/events"); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if lines.Text() == "event: state" {
			return
		}
	}
	t.Errorf("no state in the event stream: %v", lines.Err())
}

// TestWebsocketOverTLS: an upgrade on HTTP/1.1 over TLS reaches the session's site,
// both ways.
func TestWebsocketOverTLS(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello")
		_, _ = io.Copy(conn, rw) // an echo
	}))
	t.Cleanup(upstream.Close)
	s, address := startTLS(t, staticPool(upstream.Listener.Addr().String())+
		"routes: [{ default: true, forward: { urls: ['"+upstream.URL+"'] } }]\n")
	defer s.end()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\nearly")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake = %v, %v", res, err)
	}
	got := make([]byte, len("helloearly"))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "helloearly" {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestCertificateByName: SNI decides; without a name the first one serves. A reload
// replaces them, and one that cannot be used leaves the old.
func TestCertificateByName(t *testing.T) {
	t.Parallel()
	s, address := startTLS(t, staticPool(site(t)))
	defer s.end()
	served := func(name string) *x509.Certificate {
		t.Helper()
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0]
	}
	for name, want := range map[string]string{"localhost": "localhost", "a.example.com": "a.example.com", "": "localhost", "b.example.com": "localhost"} {
		if got := served(name).Subject.CommonName; got != want {
			t.Errorf("%q is served the certificate of %s, want %s", name, got, want)
		}
	}
	before := served("localhost")
	if err := os.WriteFile(filepath.Join(s.folder, "localhost.pem"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), "localhost.pem") {
		t.Errorf("reload with a broken certificate = %v, want its file named", err)
	}
	if !served("localhost").Equal(before) {
		t.Error("a broken certificate has replaced the old one")
	}
	writeCertificate(t, s.folder, "localhost")
	if _, err := s.reload(); err != nil {
		t.Fatal(err)
	}
	if served("localhost").Equal(before) {
		t.Error("the reload has not read the new certificate")
	}
}

// TestOldTLSIsRefused: nothing below tls.min_version.
func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	_, address := startTLS(t, staticPool(site(t)))
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if err == nil {
			conn.Close()
		}
		if (err == nil) != ok {
			t.Errorf("%s = %v, want ok %t", tls.VersionName(version), err, ok)
		}
	}
}

// TestRedirectToHTTPS: plain requests are sent to the TLS listener and served there.
func TestRedirectToHTTPS(t *testing.T) {
	t.Parallel()
	s, address := startTLS(t, "  redirect: { status_code: 308, port: 8443 }\n  hsts: { max_age: 1h, sub_domains: true }\n"+
		staticPool(site(t))+fixedRoute("hello"))
	defer s.end()
	plain := addressOf(s)
	client := tlsClient(t, false)
	res, err := client.Get(plain + "/x?y=1")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Location"); res.StatusCode != 308 || got != "https://localhost:8443/x?y=1" {
		t.Errorf("plain = %d to %q", res.StatusCode, got)
	}
	if res, err = client.Get("https://" + address + "/x"); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Strict-Transport-Security"); res.StatusCode != 200 || got != "max-age=3600; includeSubDomains" {
		t.Errorf("over TLS = %d with %q", res.StatusCode, got)
	}
}
