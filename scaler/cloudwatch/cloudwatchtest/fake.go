package cloudwatchtest

import (
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

// Prefix begins the path of every call.
const Prefix = "/service/GraniteServiceVersion20100801/operation/"

// Error is an error as a client gets it.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is its type, as "InvalidParameterValueException".
	Code    string
	Message string
}

// Fake is the CloudWatch of one account in one region. The zero value is ready.
// Safe for concurrent use.
type Fake struct {
	mu     sync.Mutex
	data   []Datum
	counts map[string]int
	faults map[string]*fault
}

// fault has calls fail: the next left ones, or all while it is negative.
type fault struct {
	left int
	err  Error
}

// Count returns the number of calls of the operation so far, failed ones among
// them; each attempt of a client is one.
func (f *Fake) Count(operation string) int { return f.Counts()[operation] }

// Counts returns the number of calls so far by operation.
func (f *Fake) Counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

// Data returns what was put so far, in order.
func (f *Fake) Data() []Datum {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.data)
}

// Add puts a datum as the service itself does: its own namespaces are allowed.
func (f *Fake) Add(d Datum) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data = append(f.data, d)
}

// Throttle has the next n calls of the operation refused for their rate; a
// negative n means all, until n is 0.
func (f *Fake) Throttle(operation string, n int) {
	f.Fail(operation, n, Error{Status: http.StatusBadRequest, Code: "ThrottlingException", Message: "Rate exceeded"})
}

// Fail has the next n calls of the operation fail; a negative n means all, until
// n is 0.
func (f *Fake) Fail(operation string, n int, err Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults == nil {
		f.faults = make(map[string]*fault)
	}
	f.faults[operation] = &fault{left: n, err: err}
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
	return w.Result(), nil
}

// ServeHTTP implements [http.Handler].
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, failure := readBody(r)
	var output map[string]any
	if failure == nil {
		output, failure = f.call(strings.TrimPrefix(r.URL.Path, Prefix), body)
	}
	if r.Context().Err() != nil {
		return
	}
	status := http.StatusOK
	if failure != nil {
		status = failure.Status
		output = map[string]any{"__type": "com.amazonaws.cloudwatch#" + failure.Code, "message": failure.Message}
		w.Header().Set("X-Amzn-Query-Error", strings.TrimSuffix(failure.Code, "Exception")+";Sender")
	}
	w.Header().Set("Smithy-Protocol", protocol)
	w.Header().Set("Content-Type", "application/cbor")
	w.WriteHeader(status)
	_, _ = w.Write(encode(output)) // the client may have left
}

const (
	protocol = "rpc-v2-cbor"
	// maxBody is what a body may have on the wire.
	maxBody = 1 << 20
	// maxPlain bounds what is unpacked.
	maxPlain = 32 << 20
)

// readBody checks the form of the request and returns its input.
func readBody(r *http.Request) (map[string]any, *Error) {
	if r.Method != http.MethodPost || r.Header.Get("Smithy-Protocol") != protocol || !strings.HasPrefix(r.URL.Path, Prefix) {
		return nil, &Error{Status: http.StatusNotFound, Code: "UnknownOperationException", Message: "this is no call of " + protocol}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, invalid("Serialization", err.Error())
	}
	if len(body) > maxBody {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLarge", Message: "more than 1 MB"}
	}
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = unpack(body); err != nil {
			return nil, invalid("Serialization", err.Error())
		}
	}
	input, err := decode(body)
	if err != nil {
		return nil, invalid("Serialization", err.Error())
	}
	return input, nil
}

func unpack(body []byte) ([]byte, error) {
	z, err := gzip.NewReader(strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxPlain))
}

// call carries out one call and notes it.
func (f *Fake) call(operation string, input map[string]any) (map[string]any, *Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = make(map[string]int)
	}
	f.counts[operation]++
	if ft := f.faults[operation]; ft != nil && ft.left != 0 {
		ft.left--
		return nil, &ft.err
	}
	switch operation {
	case "PutMetricData":
		return f.putMetricData(input)
	case "GetMetricData":
		return f.getMetricData(input)
	}
	return nil, &Error{Status: http.StatusNotFound, Code: "UnknownOperationException", Message: "no such operation: " + operation}
}

func invalid(kind, message string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: kind + "Exception", Message: message}
}
