package ecstest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options are the settings of a [Fake].
type Options struct {
	// Cluster is the only cluster that exists. Empty means "default".
	Cluster string
	// TaskDefinitions are the families that exist. Empty means any.
	TaskDefinitions []string
	// Plan returns how a task behaves; nil means the zero [Script].
	Plan func(Launch) Script
	// Run is what the container of a task does, until ctx ends; if it returns
	// before, the task stops. Nil means that it does nothing.
	Run func(ctx context.Context, c Container) error
	// OnCall is called before a call is carried out, without locks, and may block.
	OnCall func(operation string, input []byte)
	// LaunchRate and LaunchBurst throttle RunTask. Zero means that they do not.
	LaunchRate  float64
	LaunchBurst int
	// NewErrors has errors told as newer services do: by header, and with the
	// namespace in the type.
	NewErrors bool
}

// Fake is one account's ECS in one region, with one cluster. Safe for concurrent
// use. Make it with [New].
type Fake struct {
	opts       Options
	launches   *rate.Limiter
	quit       context.Context
	close      context.CancelFunc
	containers sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	calls    []Call
	faults   map[string]*fault
	tasks    []*task
	byARN    map[string]*task
	tokens   map[string]launched
	services map[string]*service
	policies map[string][]Policy
	network  uint32
}

// New returns a cluster without services and tasks.
func New(o Options) *Fake {
	if o.Cluster == "" {
		o.Cluster = "default"
	}
	f := &Fake{
		opts: o, faults: make(map[string]*fault), byARN: make(map[string]*task),
		tokens: make(map[string]launched), services: make(map[string]*service),
		policies: make(map[string][]Policy), network: rand.Uint32N(1 << 21), //nolint:gosec // an address, no secret
	}
	if o.LaunchRate > 0 {
		f.launches = rate.NewLimiter(rate.Limit(o.LaunchRate), o.LaunchBurst)
	}
	f.quit, f.close = context.WithCancel(context.Background())
	return f
}

// Close ends all containers and returns once they have ended. Calls fail from
// here on.
func (f *Fake) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.close()
	f.containers.Wait()
}

// maxBody is more than any request of ECS may have.
const maxBody = 1 << 20

// ServeHTTP implements [http.Handler].
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	input, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the client has left
	}
	if f.opts.OnCall != nil {
		f.opts.OnCall(operation, input)
	}
	output, failure := f.call(operation, input)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if failure != nil {
		f.writeError(w, failure)
		return
	}
	_, _ = w.Write(output) // the client may have left
}

// Do carries out a request without a network: it makes a Fake the HTTPClient of
// an SDK client.
func (f *Fake) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// call carries out one call and notes it.
func (f *Fake) call(operation string, input []byte) ([]byte, *Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, failure := f.dispatch(operation, input)
	output, err := json.Marshal(answer)
	if err != nil {
		failure = &Error{Status: http.StatusInternalServerError, Code: "ServerException", Message: err.Error()}
	}
	c := Call{Operation: operation, At: time.Now(), Input: input}
	if failure != nil {
		c.Error = failure.Code
	}
	f.calls = append(f.calls, c)
	return output, failure
}

func (f *Fake) dispatch(operation string, input []byte) (any, *Error) {
	if failure := f.fault(operation); failure != nil {
		return nil, failure
	}
	switch operation {
	case "RunTask":
		return decoded(input, f.runTask)
	case "StopTask":
		return decoded(input, f.stopTask)
	case "ListTasks":
		return decoded(input, f.listTasks)
	case "DescribeTasks":
		return decoded(input, f.describeTasks)
	case "DescribeServices":
		return decoded(input, f.describeServices)
	case "UpdateService":
		return decoded(input, f.updateService)
	case "UpdateTaskProtection":
		return decoded(input, f.updateTaskProtection)
	case "TagResource":
		return decoded(input, f.tagResource)
	case "DescribeScalingPolicies":
		return decoded(input, f.describeScalingPolicies)
	case "DescribeScalableTargets":
		return decoded(input, f.describeScalableTargets)
	}
	return nil, &Error{Status: http.StatusBadRequest, Code: "UnknownOperationException", Message: "no such operation: " + operation}
}

// decoded has the handler called with the decoded input.
func decoded[In, Out any](input []byte, handle func(In) (Out, *Error)) (any, *Error) {
	var in In
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Code: "SerializationException", Message: err.Error()}
	}
	return handle(in)
}

const (
	region  = "us-west-2"
	account = "123456789012"
)

// arn returns the name of a resource in the cluster.
func (f *Fake) arn(kind, id string) string {
	return fmt.Sprintf("arn:aws:ecs:%s:%s:%s/%s/%s", region, account, kind, f.opts.Cluster, id)
}

func (f *Fake) clusterARN() string {
	return fmt.Sprintf("arn:aws:ecs:%s:%s:cluster/%s", region, account, f.opts.Cluster)
}

// checkCluster knows the cluster by name and by ARN.
func (f *Fake) checkCluster(name string) *Error {
	if name == "" {
		name = "default"
	}
	if name != f.opts.Cluster && name != f.clusterARN() {
		return &Error{Status: http.StatusBadRequest, Code: "ClusterNotFoundException", Message: "Cluster not found."}
	}
	return nil
}

// address returns a loopback address that no other task has: 127.64.0.0/10 has
// four million of them.
func (f *Fake) address() string {
	f.network = (f.network + 1) % (1 << 22)
	n := f.network
	return fmt.Sprintf("127.%d.%d.%d", 64+n>>16, n>>8&0xff, n&0xff)
}
