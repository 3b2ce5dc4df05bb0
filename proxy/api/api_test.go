package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/webordinary/warmgate/proxy/api"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// fixture is the API over a real manager and a store in memory.
type fixture struct {
	t        *testing.T
	store    *storetest.Memory
	registry *session.Registry
	backends *backends
	handler  http.Handler
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, store: storetest.NewMemory(), registry: session.NewRegistry(session.Clocks{})}
	f.backends = &backends{store: f.store, ttl: f.registry.Clocks().TTL}
	f.handler = api.New(api.Options{
		Sessions: session.NewManager(session.ManagerOptions{
			Store: f.store, Registry: f.registry, Extender: &extender{f.store}, Backends: f.backends, Pool: "edit",
		}),
		Pools:      []string{"edit", "other"},
		PreviewURL: func(s *session.Session) string { return "https://edit.example.com/session/" + string(s.ID) + "/" },
	})
	return f
}

// backends makes a session active at once, or fails.
type backends struct {
	store *storetest.Memory
	ttl   time.Duration
	err   error
	ended []session.ID
}

func (b *backends) Wake(ctx context.Context, l *session.Live, w session.Wake) error {
	if b.err != nil {
		return b.err
	}
	s, err := b.store.Session(ctx, l.ID())
	if err != nil {
		return err
	}
	if s, err = b.store.Update(ctx, l.ID(), session.WakeChange(s.Generation, w, b.ttl)); err != nil {
		return err
	}
	_, err = b.store.Update(ctx, l.ID(), session.ReadyChange(s.Generation, session.Target{TaskID: "task-1", Addr: "10.0.0.7:4321"}, time.Now()))
	return err
}

func (b *backends) Release(l *session.Live) { b.ended = append(b.ended, l.ID()) }

// extender writes at once when flushed.
type extender struct{ store *storetest.Memory }

func (e *extender) Touch(l *session.Live, a session.Activity) { l.Touch(a) }

func (e *extender) Flush(ctx context.Context, l *session.Live) error {
	c, ok := l.TakePending(time.Now())
	if !ok {
		return nil
	}
	_, err := e.store.Update(ctx, l.ID(), c)
	return err
}

// call sends body as JSON ("" for none) and decodes the JSON answer.
func (f *fixture) call(method, path, body string) (*http.Response, map[string]any) {
	f.t.Helper()
	res := f.do(request(f.t, method, path, body))
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		f.t.Fatalf("%s %s: the answer is no JSON object: %v", method, path, err)
	}
	return res, answer
}

func (f *fixture) do(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w.Result()
}

// list calls path and decodes the array.
func (f *fixture) list(path string) (*http.Response, []map[string]any) {
	f.t.Helper()
	res := f.do(request(f.t, http.MethodGet, path, ""))
	var answer []map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		f.t.Fatalf("GET %s: the answer is no JSON array: %v", path, err)
	}
	return res, answer
}

func request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	var r *http.Request
	if body == "" {
		r = httptest.NewRequestWithContext(t.Context(), method, path, nil)
	} else {
		r = httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// activate makes the session for the client acme.
func (f *fixture) activate(id string) {
	f.t.Helper()
	if res, answer := f.call(http.MethodPost, "/api/sessions/activate",
		`{"clientId":"acme","userId":"u1","sessionId":"`+id+`"}`); res.StatusCode != http.StatusCreated {
		f.t.Fatalf("activate %s = %d %v, want 201", id, res.StatusCode, answer)
	}
}

func TestActivate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	body := `{"clientId":"acme","userId":"u1","threadId":"t1","sessionId":"s1","metadata":{"a":1},"instruction":"make it blue"}`
	res, answer := f.call(http.MethodPost, "/api/sessions/activate", body)
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("status = %d, want 201: %v", res.StatusCode, answer)
	}
	for member, want := range map[string]any{
		"sessionId": "s1", "status": "active", "previewUrl": "https://edit.example.com/session/s1/",
	} {
		if answer[member] != want {
			t.Errorf("%s = %v, want %v", member, answer[member], want)
		}
	}
	ttl := time.Unix(int64(answer["ttl"].(float64)), 0)
	if left := time.Until(ttl); left < 29*time.Minute || left > 31*time.Minute {
		t.Errorf("ttl is in %s, want about 30 minutes", left)
	}
	s, err := f.store.Session(t.Context(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	if s.UserID != "u1" || s.ThreadID != "t1" || s.Pool != "edit" || s.Metadata["instruction"] != "make it blue" {
		t.Errorf("stored %+v, want the activation's values and pool edit", s)
	}
	if res, answer = f.call(http.MethodPost, "/api/sessions/activate", body); res.StatusCode != http.StatusOK {
		t.Errorf("second activation = %d %v, want 200", res.StatusCode, answer)
	}
}

func TestActivateMakesAnID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, answer := f.call(http.MethodPost, "/api/sessions/activate", `{"clientId":"acme","userId":"u1","pool":"other","wake":false}`)
	id, _ := answer["sessionId"].(string)
	if len(id) < 22 || answer["status"] != "inactive" {
		t.Fatalf("answer = %v, want a long random id and status inactive", answer)
	}
	s, err := f.store.Session(t.Context(), session.ID(id))
	if err != nil || s.Pool != "other" {
		t.Errorf("stored pool %q, %v; want other", s.Pool, err)
	}
}

func TestActivateThatCannotWake(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.backends.err = &session.RefusedError{What: "no room for another task"}
	res, answer := f.call(http.MethodPost, "/api/sessions/activate", `{"clientId":"acme","userId":"u1"}`)
	if res.StatusCode != http.StatusCreated || answer["sessionId"] == "" || answer["status"] != "inactive" {
		t.Errorf("answer = %d %v, want 201 with the id of a sleeping session", res.StatusCode, answer)
	}
	if cause, _ := answer["cause"].(string); !strings.Contains(cause, "no room for another task") {
		t.Errorf("cause = %q, want why it was not woken", cause)
	}
}

func TestActivateMistakes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.activate("taken")
	for _, test := range []struct {
		name, body string
		status     int
		detail     string
	}{
		{"no body", ``, 400, "clientId is empty"},
		{"no client", `{"userId":"u"}`, 400, "clientId is empty"},
		{"no user", `{"clientId":"c"}`, 400, "userId is missing"},
		{"bad client", `{"clientId":"../x","userId":"u"}`, 400, "clientId must begin with"},
		{"bad id", `{"clientId":"c","userId":"u","sessionId":"a/b"}`, 400, "sessionId has the character"},
		{"reserved id", `{"clientId":"c","userId":"u","sessionId":"client"}`, 400, "sessionId is a reserved word"},
		{"control character", `{"clientId":"c","userId":"u\u0000"}`, 400, "userId holds a control character"},
		{"long user", `{"clientId":"c","userId":"` + strings.Repeat("u", 257) + `"}`, 400, "userId is longer"},
		{"unknown pool", `{"clientId":"c","userId":"u","pool":"x"}`, 400, `pool "x" does not exist`},
		{"unknown member", `{"clientId":"c","userId":"u","dir":"/etc"}`, 400, "dir is not known"},
		{"wrong type", `{"clientId":7,"userId":"u"}`, 400, "clientId must not be a number"},
		{"array", `[]`, 400, "body is no JSON object"},
		{"broken", `{"clientId":`, 400, "body is no complete JSON object"},
		{"syntax", `{clientId}`, 400, "body is no JSON"},
		{"two objects", `{"clientId":"c","userId":"u"}{}`, 400, "body goes on"},
		{"too large", `{"clientId":"c","userId":"` + strings.Repeat("u", 64<<10) + `"}`, 413, "65536 bytes"},
		{"of another client", `{"clientId":"c","userId":"u","sessionId":"taken"}`, 409, "another client"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			res := f.do(request(t, http.MethodPost, "/api/sessions/activate", test.body))
			var p struct{ Detail string }
			if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != test.status || !strings.Contains(p.Detail, test.detail) {
				t.Errorf("answer = %d %q, want %d with %q", res.StatusCode, p.Detail, test.status, test.detail)
			}
			if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type = %q, want application/problem+json", got)
			}
		})
	}
}

func TestContentType(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.activate("s1")
	for contentType, want := range map[string]int{
		"application/json":                  200,
		"Application/JSON; charset=utf-8":   200,
		"":                                  415,
		"text/plain":                        415,
		"application/x-www-form-urlencoded": 415,
		"multipart/form-data; boundary=x":   415,
	} {
		r := request(t, http.MethodPost, "/api/sessions/s1/keepalive", "{}")
		r.Header.Set("Content-Type", contentType)
		if got := f.do(r).StatusCode; got != want {
			t.Errorf("Content-Type %q: status = %d, want %d", contentType, got, want)
		}
	}
	r := request(t, http.MethodPost, "/api/sessions/s1/keepalive", "{}")
	r.ContentLength = -1 // chunked
	r.Header.Del("Content-Type")
	if got := f.do(r).StatusCode; got != 415 {
		t.Errorf("chunked without a type: status = %d, want 415", got)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.activate("acme#u1#t1")
	res, answer := f.call(http.MethodGet, "/api/sessions/acme%23u1%23t1/status", "")
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status = %d, want 200: %v", res.StatusCode, answer)
	}
	for member, want := range map[string]any{
		"sessionId": "acme#u1#t1", "clientId": "acme", "userId": "u1", "status": "active", "pool": "edit",
		"lastActivityKind": "management", "containerIp": "10.0.0.7",
	} {
		if answer[member] != want {
			t.Errorf("%s = %v, want %v", member, answer[member], want)
		}
	}
	if ms, _ := answer["lastActivity"].(float64); time.Since(time.UnixMilli(int64(ms))) > time.Minute {
		t.Errorf("lastActivity = %v, want now in milliseconds", answer["lastActivity"])
	}
	for _, member := range []string{"sleepAt", "expiresAt", "awakeSince", "lastActivityAt", "createdAt"} {
		if _, err := time.Parse(time.RFC3339Nano, answer[member].(string)); err != nil {
			t.Errorf("%s: %v", member, err)
		}
	}
	if why, _ := answer["why"].(string); !strings.HasPrefix(why, "awake: last was a management call") {
		t.Errorf("why = %q, want why it is awake", why)
	}
}

func TestStatusOfAStart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.activate("s1")
	s, err := f.store.Session(t.Context(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	l := f.registry.Acquire(&s)
	defer l.Release()
	began := time.Now().Add(-3 * time.Second)
	l.Waiters().Add(2)
	l.SetBackend(session.Backend{
		Phase: session.PhaseChecking, Generation: 2, Began: began, Deadline: began.Add(2 * time.Minute),
		Steps:    []session.Step{{Phase: session.PhaseAsked, At: began}, {Phase: session.PhaseChecking, At: began.Add(time.Second)}},
		Estimate: session.Estimate{Median: 5 * time.Second, P90: 8 * time.Second, Samples: 4},
		Log:      func() []string { return []string{"astro ready in 900 ms"} },
	})
	_, answer := f.call(http.MethodGet, "/api/sessions/s1/status", "")
	start, _ := answer["start"].(map[string]any)
	if elapsed, _ := start["elapsed"].(float64); elapsed < 3 || len(start["phases"].([]any)) != 2 {
		t.Errorf("start = %v, want 3 s elapsed and 2 phases", start)
	}
	if median := start["estimate"].(map[string]any)["median"]; median != 5.0 {
		t.Errorf("median = %v, want 5", median)
	}
	if open := answer["open"].(map[string]any); open["waiters"] != 2.0 {
		t.Errorf("open = %v, want 2 waiters", open)
	}
	if log, _ := answer["log"].([]any); len(log) != 1 {
		t.Errorf("log = %v, want the task's line", log)
	}
	if why := answer["why"].(string); !strings.HasPrefix(why, "waits for its server's first answer") {
		t.Errorf("why = %q, want what it waits for", why)
	}
	l.SetBackend(session.Backend{Phase: session.PhaseAsked, Generation: 2, Began: began, LaunchAt: time.Now().Add(time.Minute)})
	_, answer = f.call(http.MethodGet, "/api/sessions/s1/status", "")
	if why := answer["why"].(string); !strings.HasPrefix(why, "waits for its turn to be started, which comes in 59s; 3s so far") {
		t.Errorf("why = %q, want that it is in line", why)
	}
}

// TestStartOf: what this replica saw of a start is told; of one that another made
// it knows only that it was asked for.
func TestStartOf(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.activate("s1")
	s, err := f.store.Session(t.Context(), "s1")
	if err != nil {
		t.Fatal(err)
	}
	l := f.registry.Acquire(&s)
	defer l.Release()
	began := time.Now().Add(-3 * time.Second)
	asked, ready := session.Step{Phase: session.PhaseAsked, At: began}, session.Step{Phase: session.PhaseReady, At: began.Add(time.Second)}
	for _, test := range []struct {
		steps []session.Step
		told  bool
	}{
		{[]session.Step{asked, ready}, true},
		{[]session.Step{asked}, false},
		{nil, false},
	} {
		l.SetBackend(session.Backend{Phase: session.PhaseReady, Generation: 2, Began: began, Steps: test.steps})
		_, answer := f.call(http.MethodGet, "/api/sessions/s1/status", "")
		if told := answer["start"] != nil; told != test.told {
			t.Errorf("steps %v: start = %v, want it told: %t", test.steps, answer["start"], test.told)
		}
	}
}

func TestKeepalive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.activate("s1")
	res, answer := f.call(http.MethodPost, "/api/sessions/s1/keepalive", "")
	if res.StatusCode != 200 || answer["sessionId"] != "s1" || answer["status"] != "active" || answer["ttl"] == nil {
		t.Errorf("answer = %d %v, want the session with its ttl", res.StatusCode, answer)
	}
}

func TestDeactivate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.activate("s1")
	for range 2 { // ending twice is no error
		res, answer := f.call(http.MethodPost, "/api/sessions/s1/deactivate", "{}")
		if res.StatusCode != 200 || answer["sessionId"] != "s1" || answer["status"] != "draining" {
			t.Errorf("answer = %d %v, want draining", res.StatusCode, answer)
		}
	}
	if len(f.backends.ended) != 1 {
		t.Errorf("released %v, want s1 once", f.backends.ended)
	}
	res, answer := f.call(http.MethodPost, "/api/sessions/s1/keepalive", "")
	if res.StatusCode != 404 || answer["detail"] != "The session has ended." {
		t.Errorf("keepalive of an ended one = %d %v, want 404 and why", res.StatusCode, answer)
	}
	if _, answer = f.call(http.MethodGet, "/api/sessions/s1/status", ""); answer["cause"] != "deactivated by a management call" {
		t.Errorf("cause = %v, want who ended it", answer["cause"])
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, id := range []string{"s1", "s2", "s3"} {
		f.activate(id)
	}
	f.call(http.MethodPost, "/api/sessions/activate", `{"clientId":"status","userId":"u1"}`)
	f.call(http.MethodPost, "/api/sessions/s3/deactivate", "")

	for path, want := range map[string]int{
		"/api/sessions": 3, "/api/sessions/client/acme": 2, "/api/sessions/client/nobody": 0,
		"/api/sessions/client/status":              1, // a client of that name, not a session's status
		"/api/sessions?offset=2":                   1,
		"/api/sessions/client/acme?offset=1000000": 0,
	} {
		if res, list := f.list(path); res.StatusCode != 200 || len(list) != want || res.Header.Get("Link") != "" {
			t.Errorf("GET %s = %d with %d sessions, Link %q; want 200 with %d and no next page",
				path, res.StatusCode, len(list), res.Header.Get("Link"), want)
		}
	}
	if res, list := f.list("/api/sessions?limit=2"); len(list) != 2 || res.Header.Get("Link") != `<?limit=2&offset=2>; rel="next"` {
		t.Errorf("first page has %d sessions and Link %q, want 2 and the next page", len(list), res.Header.Get("Link"))
	}
	for _, path := range []string{"/api/sessions?limit=0", "/api/sessions?limit=x", "/api/sessions?offset=-1"} {
		if res, _ := f.call(http.MethodGet, path, ""); res.StatusCode != 400 {
			t.Errorf("GET %s = %d, want 400", path, res.StatusCode)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodGet, "/api/sessions/unknown/status", 404, ""},
		{http.MethodPost, "/api/sessions/unknown/keepalive", 404, ""},
		{http.MethodPost, "/api/sessions/unknown/deactivate", 404, ""},
		{http.MethodGet, "/api/sessions/a%2Fb/status", 400, ""},
		{http.MethodGet, "/api/sessions/unknown/nothing", 404, ""},
		{http.MethodGet, "/api/other", 404, ""},
		{http.MethodGet, "/api/sessions/activate", 405, "POST"},
		{http.MethodDelete, "/api/sessions", 405, "GET, HEAD"},
		{http.MethodGet, "/api/sessions/s1/keepalive", 405, "POST"},
		{http.MethodPost, "/api/sessions/s1/status", 405, "GET, HEAD"},
	} {
		res, answer := f.call(test.method, test.path, "")
		if res.StatusCode != test.status || answer["status"] != float64(test.status) {
			t.Errorf("%s %s = %d %v, want %d as problem+json", test.method, test.path, res.StatusCode, answer, test.status)
		}
		if got := res.Header.Get("Allow"); got != test.allow {
			t.Errorf("%s %s: Allow = %q, want %q", test.method, test.path, got, test.allow)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s %s: Cache-Control = %q, want no-store", test.method, test.path, got)
		}
	}
}

func TestStoreUnavailable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.Intercept(func(context.Context, storetest.Op, string) error {
		return errors.Join(errors.New("secret address"), session.ErrUnavailable)
	})
	res := f.do(request(t, http.MethodGet, "/api/sessions/s1/status", ""))
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || strings.Contains(string(body), "secret") {
		t.Errorf("answer = %d %s, want 503 with Retry-After and no details", res.StatusCode, body)
	}
}

// TestExplainRequest: the call hands on the question, and adds the session that
// the request names.
func TestExplainRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.call("POST", "/api/sessions/activate", `{"clientId":"acme","userId":"u","sessionId":"demo"}`)
	if res, _ := f.call("POST", "/api/explain", `{"method":"GET","url":"/"}`); res.StatusCode != 404 {
		t.Errorf("without rules: %d, want 404", res.StatusCode)
	}
	var asked api.Question
	f.handler = api.New(api.Options{
		Sessions: session.NewManager(session.ManagerOptions{
			Store: f.store, Registry: f.registry, Extender: &extender{f.store}, Backends: f.backends,
		}),
		Explain: func(q api.Question) (any, session.ID, error) {
			asked = q
			if q.URL == "" {
				return nil, "", &session.InvalidError{Field: "url", Reason: "is empty"}
			}
			return "because", session.ID(strings.Trim(q.URL, "/")), nil
		},
	})
	for _, test := range []struct {
		body, session, noSession string
		status                   int
	}{
		{`{"method":"GET","url":"/demo","header":{"X-A":["1","2"]},"source":"192.0.2.1"}`, "demo", "", 200},
		{`{"method":"GET","url":"/none"}`, "", "there is no session none", 200},
		{`{"method":"GET","url":"/"}`, "", "", 200},
		{`{"method":"GET"}`, "", "", 400},
		{`{"verb":"GET"}`, "", "", 400},
	} {
		res, answer := f.call("POST", "/api/explain", test.body)
		if res.StatusCode != test.status || test.status == 200 && answer["explanation"] != "because" {
			t.Errorf("explain %s = %d %v, want %d", test.body, res.StatusCode, answer, test.status)
		}
		named, _ := answer["session"].(map[string]any)
		missing, _ := answer["noSession"].(string)
		if id, _ := named["sessionId"].(string); id != test.session || missing != test.noSession {
			t.Errorf("explain %s: session %q, %q; want %q, %q", test.body, id, missing, test.session, test.noSession)
		}
		if test.session != "" && (len(asked.Header["X-A"]) != 2 || asked.Source != "192.0.2.1" || asked.Method != "GET") {
			t.Errorf("asked = %+v", asked)
		}
	}
}
