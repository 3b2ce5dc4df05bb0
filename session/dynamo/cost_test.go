package dynamo_test

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
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/dynamo"
)

// meter is a proxy in front of DynamoDB Local that asks what each call costs.
type meter struct {
	url string

	mu    sync.Mutex
	calls []string
	units float64
}

func newMeter(t testing.TB) *meter {
	t.Helper()
	target, err := url.Parse(endpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			m.ask(r.Out)
		},
		ModifyResponse: m.note,
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// ask adds the wish to know the cost to a call.
func (m *meter) ask(r *http.Request) {
	var body map[string]any
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if json.NewDecoder(r.Body).Decode(&body) == nil {
		body["ReturnConsumedCapacity"] = "INDEXES"
	}
	b, _ := json.Marshal(body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, operation)
}

// note adds the cost of a call up.
func (m *meter) note(r *http.Response) error {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	var answer struct {
		ConsumedCapacity struct{ CapacityUnits float64 }
	}
	_ = json.Unmarshal(b, &answer) // an error has none
	m.mu.Lock()
	defer m.mu.Unlock()
	m.units += answer.ConsumedCapacity.CapacityUnits
	return nil
}

// take returns what was called since the last time, and what it cost.
func (m *meter) take() (calls []string, units float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls, units = m.calls, m.units
	m.calls, m.units = nil, 0
	return calls, units
}

// TestCost: in the tables that we make an extension is one call and one write
// unit, and so is every other usual write but for the index that it changes.
func TestCost(t *testing.T) {
	m := newMeter(t)
	o := options(t)
	makeTables(t, o, nil)
	o.Endpoint = m.url
	st := open(t, o)
	now := time.Now()
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	nav := func(seconds int) session.Activity {
		return session.Activity{At: at(seconds), Kind: session.Navigation}
	}
	s := session.Session{
		ID: session.NewID(), ClientID: "acme", UserID: "ann", ThreadID: "t", Status: session.Inactive, Pool: "edit", Generation: 1,
		CreatedAt: now, ExpiresAt: at(600), LastActivity: nav(0), LastHuman: now, LastVisit: now,
	}
	if err := st.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	target := session.Target{
		TaskID: "arn:aws:ecs:us-west-2:123456789012:task/webordinary-edit-cluster/0123456789abcdef0123456789abcdef",
		Addr:   "10.0.1.2:4321", Ports: map[int]string{8080: "10.0.1.2:8080"},
	}
	m.take()
	for _, step := range []struct {
		change session.Change
		units  float64
	}{
		{session.WakeChange(1, session.Wake{Activity: nav(1)}, 1800*time.Second), 3}, // the status index: one entry goes, one comes
		{session.ReadyChange(2, target, at(2)), 3},
		{session.ExtendChange(nav(31), at(31), at(31), 1800*time.Second, at(31)), 1},
		{session.ExtendChange(session.Activity{At: at(61), Kind: session.Request}, at(31), at(31), 1800*time.Second, at(61)), 1},
		{session.ExtendChange(session.Activity{At: at(91), Kind: session.SocketData}, at(80), at(31), 1800*time.Second, at(91)), 1},
		{session.SleepChange(2, at(400)), 3},
		{session.DoomChange(2), 1},
	} {
		if _, err := st.Update(t.Context(), s.ID, step.change); err != nil {
			t.Fatalf("%s = %v", step.change.Name, err)
		}
		calls, units := m.take()
		if diff := cmp.Diff([]string{"UpdateItem"}, calls); diff != "" || units != step.units {
			t.Errorf("%s: calls %v, %v units, want one UpdateItem and %v", step.change.Name, calls, units, step.units)
		}
	}
}

// BenchmarkStore shows what DynamoDB Local takes for the calls of a request's way.
func BenchmarkStore(b *testing.B) {
	for name, adapt := range map[string]func(*dynamodb.CreateTableInput){"id": nil, "id and user": withUser} {
		o := options(b)
		makeTables(b, o, adapt)
		st := open(b, o)
		benchmark(b, name, st)
	}
}

func benchmark(b *testing.B, name string, st *dynamo.Store) {
	now := time.Now()
	s := session.Session{ID: "a", ClientID: "c", UserID: "u", Status: session.Active, Generation: 1, CreatedAt: now, ExpiresAt: now.Add(time.Minute)}
	if err := st.Create(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	b.Run(name+"/look up", func(b *testing.B) {
		for b.Loop() {
			if _, err := st.Session(b.Context(), "a"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(name+"/extend", func(b *testing.B) {
		at := now
		for b.Loop() {
			at = at.Add(time.Second)
			a := session.Activity{At: at, Kind: session.Navigation}
			if _, err := st.Update(b.Context(), "a", session.ExtendChange(a, at, at, time.Hour, now)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
