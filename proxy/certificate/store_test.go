package certificate_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/proxy/certificate"
)

// write makes a certificate for the name, and its key.
func write(t *testing.T, folder, name string) certificate.Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := certificate.Pair{CertFile: filepath.Join(folder, name+".pem"), KeyFile: filepath.Join(folder, name+".key")}
	overwrite(t, p.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	overwrite(t, p.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	return p
}

func overwrite(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// hello is what a client sends that asks for the name.
func hello(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedCurves: []tls.CurveID{tls.X25519, tls.CurveP256},
	}
}

func chosen(t *testing.T, s *certificate.Store, name string) *x509.Certificate {
	t.Helper()
	c, err := s.Choose(hello(name))
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

// TestChangedFilesAreReadAgain: a whole new pair is taken, half of one leaves the
// old in place and is told of once, and the others stay.
func TestChangedFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		one, two := write(t, folder, "one.example"), write(t, folder, "two.example")
		set, err := certificate.Load([]certificate.Pair{one, two})
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s := certificate.NewStore(set, certificate.Options{Interval: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = s.Run(ctx) }()
		first, second := chosen(t, s, "one.example"), chosen(t, s, "two.example")
		if first.Subject.CommonName != "one.example" || second.Subject.CommonName != "two.example" {
			t.Errorf("names are served %s and %s", first.Subject.CommonName, second.Subject.CommonName)
		}
		wait := func() {
			time.Sleep(3500 * time.Millisecond) // the bubble's
			synctest.Wait()
		}
		wait()
		if chosen(t, s, "one.example") != first {
			t.Error("an unchanged certificate was replaced")
		}

		overwrite(t, one.CertFile, []byte("no certificate"))
		wait()
		if chosen(t, s, "one.example") != first {
			t.Error("a broken file has replaced the certificate")
		}
		if n := strings.Count(log.String(), "cannot be used; the old one stays"); n != 1 || !strings.Contains(log.String(), "one.example.pem") {
			t.Errorf("told %d times, want once with the file:\n%s", n, log.String())
		}

		write(t, folder, "one.example")
		wait()
		if chosen(t, s, "one.example").Equal(first) {
			t.Error("the new certificate is not taken")
		}
		if chosen(t, s, "two.example") != second {
			t.Error("the other certificate was replaced")
		}
	})
}

// TestLoadNamesEveryMistake: also a certificate whose key is another's.
func TestLoadNamesEveryMistake(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	one, two := write(t, folder, "one.example"), write(t, folder, "two.example")
	_, err := certificate.Load([]certificate.Pair{
		{CertFile: one.CertFile, KeyFile: two.KeyFile}, two, {CertFile: filepath.Join(folder, "missing.pem"), KeyFile: one.KeyFile},
	})
	if err == nil || !strings.Contains(err.Error(), "one.example.pem") || !strings.Contains(err.Error(), "missing.pem") {
		t.Errorf("Load = %v, want both files named", err)
	}
	if _, err := certificate.Load(nil); err == nil {
		t.Error("Load of nothing: no error")
	}
}
