// Package mototest runs moto, somebody else's fake of AWS, for tests: so that our
// own fakes are not the only judges of what we send. "make moto" fetches it; it
// needs Python 3.11.
package mototest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startTimeout is how long the server may take until it answers.
const startTimeout = 60 * time.Second

// errMissing is why there is no server, where that is nobody's fault.
var errMissing = errors.New(`moto is not here: it needs "make moto"`)

// program is the server, which ends when its standard input does: the kernel
// closes that when this process dies, however it does.
const program = `
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main()
`

// Server is a running moto.
type Server struct {
	// Endpoint is its URL, on loopback.
	Endpoint string

	command *exec.Cmd
	life    io.Closer
	ended   chan struct{}
}

// Start starts a server that ends with the test. Without moto on this machine the
// test is skipped or, with CI=true, fails.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := run(t.Context())
	switch {
	case errors.Is(err, errMissing) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func run(ctx context.Context) (*Server, error) {
	python, err := interpreter()
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{Endpoint: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), ended: make(chan struct{})}
	s.command = exec.Command(python, "-c", program, "-H", "127.0.0.1", "-p", strconv.Itoa(port)) //nolint:noctx // it ends with life
	if s.life, err = s.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start moto: %w", err)
	}
	go func() { _ = s.command.Wait(); close(s.ended) }()
	if err := s.await(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) stop() {
	s.life.Close()
	<-s.ended
}

// await polls until the server answers.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := s.Post(ctx, "/moto-api/reset", "")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("moto ends at once: %s", s.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("moto does not answer within %s: %w", startTimeout, err)
		}
	}
}

// Post sends a form to the server's own interface, or to EC2, which is what it
// takes calls of unknown origin for. Moto checks no signatures.
func (s *Server) Post(ctx context.Context, path, form string) (body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint+path, strings.NewReader(form))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=key/20260101/us-west-2/ec2/aws4_request, SignedHeaders=host, Signature=0")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// interpreter returns the Python that has moto: in .cache/moto beside go.mod.
func interpreter() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			break
		}
		if folder == filepath.Dir(folder) {
			return "", errMissing
		}
	}
	moto := filepath.Join(folder, ".cache", "moto")
	for _, need := range []string{".stamp", filepath.Join("bin", "python")} {
		if _, err := os.Stat(filepath.Join(moto, need)); err != nil {
			return "", errMissing
		}
	}
	return filepath.Join(moto, "bin", "python"), nil
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // a TCP listener has one
}
