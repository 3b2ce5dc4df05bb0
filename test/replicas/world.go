//go:build unix

package replicas

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
	"github.com/webordinary/warmgate/session/dynamo/dynamotest"
)

// WorldOptions are the settings of a [World].
type WorldOptions struct {
	// Binary is Warmgate.
	Binary string
	// Config is the part of the configuration that differs from test to test, without listeners, store and admin. $ECS
	// stands for the endpoint of the fake ECS.
	Config string
	// ECS are the settings of the fake. Its cluster is "edit-cluster".
	ECS ecstest.Options
	// Replicas is their number. Zero means 2.
	Replicas int
}

// World is an AWS of our own for one test: DynamoDB Local with its tables, a fake ECS, replicas, and a balancer in front.
type World struct {
	// ECS is the fake; Table and Tasks are the links that lead the replicas to the table and to ECS.
	ECS          *ecstest.Fake
	Table, Tasks *Link
	// Replicas run, each with its API.
	Replicas []*Replica
	APIs     []API
	// Front is the base URL of the balancer.
	Front string
}

// startTimeout bounds the start of a replica, stopTimeout its end.
const (
	startTimeout = time.Minute
	stopTimeout  = time.Minute
)

// Start makes a world that ends with the test. Without DynamoDB Local on this machine the test is skipped or, with
// CI=true, fails.
func Start(t testing.TB, o WorldOptions) *World {
	t.Helper()
	w := &World{}
	table := dynamotest.Start(t)
	w.Table = linkTo(t, strings.TrimPrefix(table.Endpoint, "http://"))
	o.ECS.Cluster = "edit-cluster"
	w.ECS = ecstest.New(o.ECS)
	t.Cleanup(w.ECS.Close)
	api := httptest.NewServer(w.ECS)
	t.Cleanup(api.Close)
	w.Tasks = linkTo(t, api.Listener.Addr().String())

	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w.Front = "http://localhost:" + port // as browsers write it
	w.startReplicas(t, o)
	w.serveFront(t, front)
	return w
}

func linkTo(t testing.TB, address string) *Link {
	t.Helper()
	l, err := NewLink(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// common is the part of the configuration that all tests have.
const common = `
public_url: %s
trusted_proxies: [127.0.0.1/32]
health: { listen: "" }
admin: { token_file: %s }
store: { kind: dynamodb, endpoint: "http://%s" }
`

func (w *World) startReplicas(t testing.TB, o WorldOptions) {
	t.Helper()
	dir := t.TempDir()
	config, token := filepath.Join(dir, "warmgate.yaml"), filepath.Join(dir, "token")
	text := fmt.Sprintf(common, w.Front, token, w.Table.Address()) +
		strings.ReplaceAll(o.Config, "$ECS", "http://"+w.Tasks.Address())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	binary, err := filepath.Abs(o.Binary)
	if err != nil {
		t.Fatal(err)
	}
	if o.Replicas == 0 {
		o.Replicas = 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for i := range o.Replicas {
		printed := &output{}
		r := NewReplica(ReplicaOptions{
			Binary: binary, Config: config, Listen: freeAddress(t), Admin: freeAddress(t), Env: Environment(), Output: printed,
		})
		if i == 0 {
			if text, err := r.Command(ctx, "table", "create").CombinedOutput(); err != nil {
				t.Fatalf("make the tables (make build makes the binary): %v\n%s", err, text)
			}
		}
		if err := r.Start(ctx); err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		t.Cleanup(func() {
			if err := r.Stop(stopTimeout); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("end of the log of replica %d (%s):\n%s", i, r.Address(), printed.tail())
			}
		})
		w.Replicas = append(w.Replicas, r)
		w.APIs = append(w.APIs, API{Address: r.Admin(), TokenFile: token})
	}
}

// serveFront runs the balancer on the listener.
func (w *World) serveFront(t testing.TB, l net.Listener) {
	t.Helper()
	b := NewBalancer(w.Replicas...)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) }) // it ends with its context
	server := &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		stop()
		server.Close()
		running.Wait()
	})
}

// freeAddress returns a loopback address that nobody listened on a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// output keeps what a process prints. Safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// tail returns the end of what was printed, which is enough to see what a replica was at.
func (o *output) tail() string {
	const most = 256 << 10
	text := o.String()
	return text[max(0, len(text)-most):]
}
