package cloudwatch

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/webordinary/warmgate/scaler/cloudwatch/cloudwatchtest"
	"github.com/webordinary/warmgate/session"
)

func TestMain(m *testing.M) {
	// The environment of whoever runs the tests must not lead them to AWS.
	for _, name := range []string{"AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDWATCH", "AWS_NEW_RETRIES_2026"} {
		os.Unsetenv(name)
	}
	goleak.VerifyTestMain(m)
}

const namespace = "Webordinary/EditSessions"

// direct is a client that calls the fake without a network, as a bubble needs.
func direct(f *cloudwatchtest.Fake) *Client { return NewClient(awsConfig(f, "")) }

// networked is a client that calls the fake on a loopback listener.
func networked(t *testing.T, f *cloudwatchtest.Fake) *Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return NewClient(awsConfig(&http.Client{Transport: transport}, server.URL))
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

// list is a store that only lists.
type list struct {
	mu       sync.Mutex
	sessions []session.Session
	err      error
}

func (l *list) ByStatus(_ context.Context, statuses ...session.Status) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, s := range l.sessions {
			if slices.Contains(statuses, s.Status) && !yield(s, nil) {
				return
			}
		}
		if l.err != nil {
			yield(session.Session{}, l.err)
		}
	}
}

// add adds n sessions of the client that live for so long.
func (l *list) add(n int, client session.ClientID, status session.Status, life time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		l.sessions = append(l.sessions, session.Session{
			ID: session.NewID(), ClientID: client, Status: status, ExpiresAt: time.Now().Add(life),
		})
	}
}

func (l *list) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions = nil
}

// fail has lists end with err.
func (l *list) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// measurements are the metrics that proxy, cache and scaler keep.
type measurements struct {
	registry *prometheus.Registry
	tasks    *prometheus.GaugeVec
	lookups  *prometheus.CounterVec
	starts   *prometheus.HistogramVec
	routing  prometheus.Histogram
}

func newMeasurements() *measurements {
	m := &measurements{
		registry: prometheus.NewRegistry(),
		tasks:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: tasksMetric}, []string{"pool", "state"}),
		lookups:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: lookupsMetric}, []string{"result"}),
		starts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: startsMetric, Buckets: []float64{10, 20, 60},
		}, []string{"pool", "phase"}),
		routing: prometheus.NewHistogram(prometheus.HistogramOpts{Name: routingMetric, Buckets: []float64{.001, .002}}),
	}
	m.registry.MustRegister(m.tasks, m.lookups, m.starts, m.routing)
	return m
}

// publisher returns a Publisher in a bubble, and what it publishes to.
func publisher(t *testing.T, o Options) (*Publisher, *cloudwatchtest.Fake) {
	t.Helper()
	f := &cloudwatchtest.Fake{}
	o.Client, o.Namespace = direct(f), namespace
	if o.Sessions == nil {
		o.Sessions = &list{}
	}
	if o.Gatherer == nil {
		o.Gatherer = newMeasurements().registry
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, f
}

// run runs the Publisher until the test ends.
func run(t *testing.T, p *Publisher) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
