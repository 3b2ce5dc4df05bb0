// Package dynamotest runs DynamoDB Local, the vendor's own stand-in, for tests.
// "make dynamodb-local" fetches it; it needs a Java runtime.
//
// It listens on all addresses of the machine (it cannot be told otherwise) and
// keeps everything in memory.
package dynamotest

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
	"testing"
	"time"
)

// Credentials that DynamoDB Local accepts, and a region.
const (
	AccessKey = "local"
	SecretKey = "local"
	Region    = "us-west-2"
)

// startTimeout is how long the server may take until it answers.
const startTimeout = 60 * time.Second

// errMissing is why there is no server, where that is nobody's fault.
var errMissing = errors.New(`DynamoDB Local is not here: it needs "make dynamodb-local" and a Java runtime`)

// Server is a running DynamoDB Local.
type Server struct {
	// Endpoint is its URL, on loopback.
	Endpoint string

	command *exec.Cmd
	// life is open while the server shall run. The kernel closes it when this
	// process dies, however it does.
	life io.Closer
}

// Start starts a server that ends with the test. Without DynamoDB Local on this
// machine the test is skipped or, with CI=true, fails.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Run(t.Context())
	Check(t, err)
	t.Cleanup(s.Stop)
	return s
}

// Check ends the test if err, of [Run], is not nil: as skipped without DynamoDB
// Local on this machine, as failed otherwise and with CI=true.
func Check(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, errMissing) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// Run starts a server and returns when it answers. The caller stops it.
func Run(ctx context.Context) (*Server, error) {
	lib, err := library()
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{Endpoint: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	// The shell outlives this process just long enough to end the server. An interrupt on the terminal is for this process,
	// whose other parts may need the server to the end.
	s.command = exec.Command("sh", "-c", `trap "" INT; "$@" </dev/null & cat >/dev/null; kill -9 $!`, "sh", //nolint:noctx // it ends with life
		"java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-Djava.library.path="+lib, "-cp", filepath.Join(lib, "*"),
		"software.amazon.dynamodb.services.local.main.ServerRunner",
		"-inMemory", "-disableTelemetry", "-port", strconv.Itoa(port))
	if s.life, err = s.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start DynamoDB Local: %w", err)
	}
	if err := s.await(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Stop ends the server and waits for it.
func (s *Server) Stop() {
	s.life.Close()
	_ = s.command.Wait() // it is killed: never a success
}

// await polls until the server answers anything at all.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint, http.NoBody)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("DynamoDB Local does not answer within %s: %w", startTimeout, err)
		}
	}
}

// library returns the folder with DynamoDB Local's jars and native libraries.
func library() (string, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return "", errMissing
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			break
		}
		if parent := filepath.Dir(folder); parent != folder {
			folder = parent
			continue
		}
		return "", errMissing
	}
	lib := filepath.Join(folder, ".cache", "dynamodb-local", "lib")
	if jars, _ := filepath.Glob(filepath.Join(lib, "DynamoDBLocal-*.jar")); len(jars) == 0 {
		return "", errMissing
	}
	return lib, nil
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
