package scaler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ask asks a site once, over a real socket.
func ask(t *testing.T, q question, site http.HandlerFunc) error {
	t.Helper()
	server := httptest.NewServer(site)
	defer server.Close()
	q.addr = server.Listener.Addr().String
	if q.accepted == nil {
		q.accepted = func() {}
	}
	return newProber((&net.Dialer{}).DialContext).ask(t.Context(), q, 10*time.Second)
}

func TestProbeAsksLikeAHealthCheck(t *testing.T) {
	var got http.Request
	accepted := 0
	err := ask(t, question{path: "/session/a%2Fb/?x=1", host: "edit.example.com", accepted: func() { accepted++ }},
		func(_ http.ResponseWriter, r *http.Request) { got = *r })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"GET", "/session/a%2Fb/?x=1", "edit.example.com", "warmgate-health/1", "text/html"}
	asked := []string{got.Method, got.RequestURI, got.Host, got.UserAgent(), got.Header.Get("Accept")}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if accepted != 1 {
		t.Errorf("accepted was called %d times, want once", accepted)
	}
}

func TestProbeJudgesAnswers(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed")
	}))
	defer elsewhere.Close()
	for name, test := range map[string]struct {
		site  http.HandlerFunc
		ready bool
		says  string
	}{
		"ok":                {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }, true, ""},
		"not found":         {http.NotFound, true, ""},
		"redirect":          {http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP, true, ""},
		"error page":        {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "overlay", 500) }, true, ""},
		"forbidden":         {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sign in", http.StatusForbidden) }, true, ""},
		"a long page":       {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 1<<20)) }, true, ""},
		"bad gateway":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, false, "502"},
		"unavailable":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, false, "503"},
		"no answer in time": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(504) }, false, "504"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "hel")
		}, false, "broke off"},
		"blocked host": {func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "Blocked request. This host is not allowed.", http.StatusForbidden)
		}, false, `refuses the host "h"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := ask(t, question{path: "/", host: "h"}, test.site)
			if (err == nil) != test.ready || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("ask = %v, want ready %v, or an error with %q", err, test.ready, test.says)
			}
		})
	}
}

// TestProbeGoesOnUntilTheSiteAnswers has an address where first nobody listens,
// then somebody hangs up, and then a site answers.
func TestProbeGoesOnUntilTheSiteAnswers(t *testing.T) {
	var tries atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		switch tries.Add(1) {
		case 1:
			return nil, errors.New("connection refused")
		case 2:
			here, there := net.Pipe()
			there.Close()
			return here, nil
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	q := question{addr: server.Listener.Addr().String, path: "/", accepted: func() {}}
	if err := newProber(dial).await(t.Context(), q); err != nil || tries.Load() != 3 {
		t.Errorf("await = %v after %d tries, want an answer to the third", err, tries.Load())
	}
}

func TestProbeIsOneAtATimeAndGrowsPatient(t *testing.T) {
	var under, most, tries atomic.Int64
	dial := func(context.Context, string, string) (net.Conn, error) {
		tries.Add(1)
		most.Store(max(most.Load(), under.Add(1)))
		here, there := net.Pipe()
		go func() {
			defer under.Add(-1)
			_, _ = io.Copy(io.Discard, there) // never answers
		}()
		return here, nil
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		err := newProber(dial).await(ctx, question{addr: func() string { return "a:1" }, path: "/", accepted: func() {}})
		if err == nil {
			t.Error("await succeeded without an answer")
		}
	})
	if most.Load() != 1 || tries.Load() != 4 { // 10, 20, 40 s, and the rest
		t.Errorf("%d tries, %d at once at most; want 4, one at a time", tries.Load(), most.Load())
	}
}
