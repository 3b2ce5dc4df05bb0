package dynamotest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Bill is what calls have cost.
type Bill struct {
	// Calls are their operations, in order.
	Calls []string
	// Reads and Writes are capacity units, those of indexes among them.
	Reads, Writes float64
}

// Meter is a proxy in front of DynamoDB Local that asks what each call costs. It
// ends each connection with its answer, so that a client in a synctest bubble
// keeps none, which would stop the clock there. Safe for concurrent use.
type Meter struct {
	// URL is where it listens, on loopback.
	URL string

	mu   sync.Mutex
	bill Bill
}

// NewMeter returns a Meter in front of endpoint that ends with the test.
func NewMeter(t testing.TB, endpoint string) *Meter {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	m := &Meter{}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			m.ask(r.Out)
		},
		ModifyResponse: m.note,
	})
	server.Config.SetKeepAlivesEnabled(false)
	server.Start()
	t.Cleanup(server.Close)
	m.URL = server.URL
	return m
}

// Take returns the bill since the last time.
func (m *Meter) Take() Bill {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.bill
	m.bill = Bill{}
	return b
}

// ask adds the wish to know the cost to a call.
func (m *Meter) ask(r *http.Request) {
	var body map[string]any
	if json.NewDecoder(r.Body).Decode(&body) == nil {
		body["ReturnConsumedCapacity"] = "INDEXES"
	}
	b, _ := json.Marshal(body) // it was JSON
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bill.Calls = append(m.bill.Calls, operation(r))
}

// leastRead is what the service takes for a read that finds nothing; DynamoDB Local
// takes nothing for such a query.
const leastRead = 0.5

// note adds the cost of a call up.
func (m *Meter) note(r *http.Response) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	units := consumed(b)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch operation(r.Request) {
	case "GetItem", "BatchGetItem", "Query", "Scan":
		m.bill.Reads += max(units, leastRead)
	default:
		m.bill.Writes += units
	}
	return nil
}

func operation(r *http.Request) string {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return name
}

// consumed returns the units that an answer tells of: an object, or a list of one
// for each table. An error has none.
func consumed(body []byte) (units float64) {
	type capacity struct{ CapacityUnits float64 }
	var one struct{ ConsumedCapacity capacity }
	var list struct{ ConsumedCapacity []capacity }
	if json.Unmarshal(body, &list) == nil {
		for _, c := range list.ConsumedCapacity {
			units += c.CapacityUnits
		}
		return units
	}
	_ = json.Unmarshal(body, &one)
	return one.ConsumedCapacity.CapacityUnits
}
