package ecs

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
	"github.com/webordinary/warmgate/session"
)

func TestMain(m *testing.M) {
	// The environment of whoever runs the tests must not lead them to AWS.
	for _, name := range []string{"AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECS", "AWS_NEW_RETRIES_2026"} {
		os.Unsetenv(name)
	}
	goleak.VerifyTestMain(m)
}

const (
	testPool    = "edit"
	testCluster = "edit-cluster"
	testPort    = 4321
)

// fakeECS returns a fake that is closed with the test.
func fakeECS(t *testing.T, o ecstest.Options) *ecstest.Fake {
	t.Helper()
	o.Cluster = testCluster
	f := ecstest.New(o)
	t.Cleanup(f.Close)
	return f
}

// direct is a client that calls the fake without a network, as a bubble needs.
func direct(f *ecstest.Fake) *Client { return NewClient(awsConfig(f, ""), ClientOptions{}) }

// networked is a client that calls the fake on a loopback listener.
func networked(t *testing.T, f *ecstest.Fake) *Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return NewClient(awsConfig(&http.Client{Transport: transport}, server.URL), ClientOptions{LaunchRate: 1000})
}

func awsConfig(client aws.HTTPClient, endpoint string) aws.Config {
	c := aws.Config{
		Region: "us-west-2", HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}
	if endpoint != "" {
		c.BaseEndpoint = &endpoint
	}
	return c
}

func taskOptions(c *Client) TaskOptions {
	return TaskOptions{
		Client: c, Pool: testPool, Cluster: testCluster, TaskDefinition: "astro", Subnets: []string{"subnet-1"}, Port: testPort,
	}
}

// openTasks returns a driver that is recovered, and closed with the test.
func openTasks(t *testing.T, o TaskOptions) *TaskDriver {
	t.Helper()
	d, err := NewTaskDriver(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDriver(t, d) })
	return d
}

func closeDriver(t *testing.T, d scaler.Driver) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := d.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func start(t *testing.T, d scaler.Driver, token string) string {
	t.Helper()
	id, err := d.Start(t.Context(), drivertest.Spec(token))
	if err != nil {
		t.Fatalf("Start(%s): %v", token, err)
	}
	return id
}

// await waits until the driver says that the task has the state.
func await(t *testing.T, d scaler.Driver, id string, want scaler.TaskState) scaler.Task {
	t.Helper()
	var last scaler.Task
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		tasks, err := d.Tasks(t.Context())
		if err != nil {
			t.Fatalf("Tasks: %v", err)
		}
		for _, task := range tasks {
			if task.ID == id {
				last = task
			}
		}
		if last.State == want {
			return last
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Fatalf("task %s is %q, want %q (%s)", id, last.State, want, last.Cause)
	return last
}

// memory keeps records as a store does.
type memory struct {
	mu      sync.Mutex
	records map[string]session.Record
}

func (m *memory) Record(_ context.Context, key string) (session.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[key]
	if !ok {
		return session.Record{}, session.ErrNotFound
	}
	return r, nil
}

func (m *memory) PutRecord(_ context.Context, key string, value []byte, version int64) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records == nil {
		m.records = make(map[string]session.Record)
	}
	if m.records[key].Version != version {
		return 0, session.ErrConflict
	}
	m.records[key] = session.Record{Value: value, Version: version + 1}
	return version + 1, nil
}

const testService = "edit-service"

func serviceOptions(c *Client, records session.Records) ServiceOptions {
	return ServiceOptions{
		Client: c, Records: records, Pool: testPool, Key: "edit", Cluster: testCluster, Service: testService, Port: testPort,
	}
}

// openService returns a driver that is recovered, and closed with the test.
func openService(t *testing.T, o ServiceOptions) *ServiceDriver {
	t.Helper()
	d, err := NewServiceDriver(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDriver(t, d) })
	return d
}
