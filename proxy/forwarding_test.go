package proxy

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/proxy/balance"
	"github.com/webordinary/warmgate/proxy/route"
)

// forwardTable is a table whose default rule has the action.
func forwardTable(t *testing.T, f *route.Forward) *route.Table {
	t.Helper()
	table, err := route.NewTable([]route.Rule{{Default: true, Action: f}})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// running runs the handler's checks until the test ends.
func (b *bed) running() {
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = b.handler.Run(ctx) })
	b.t.Cleanup(func() {
		stop()
		run.Wait()
	})
}

// named answers with its own name.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
}

func (b *bed) answers(n int) map[string]int {
	count := map[string]int{}
	for range n {
		r := b.get("/x", nil)
		count[strings.TrimSpace(r.body)]++
	}
	return count
}

func TestWeightedForward(t *testing.T) {
	for _, tt := range []struct {
		weights []int
		want    map[string]int
	}{
		{[]int{9, 1}, map[string]int{"a": 90, "b": 10}},
		{[]int{0, 1}, map[string]int{"b": 100}},
	} {
		bubble(t, func(t *testing.T) {
			b := newBed(t, nil, func(o *Options) {
				o.Routes = forwardTable(t, &route.Forward{Groups: []route.ForwardGroup{
					{Upstream: &route.Upstream{Name: "a", URLs: []string{"http://a:80"}}, Weight: tt.weights[0]},
					{Upstream: &route.Upstream{Name: "b", URLs: []string{"http://b:80"}}, Weight: tt.weights[1]},
				}})
			})
			b.serve("a:80", named("a"))
			b.serve("b:80", named("b"))
			if diff := cmp.Diff(tt.want, b.answers(100)); diff != "" {
				t.Errorf("weights %v (-want +got):\n%s", tt.weights, diff)
			}
		})
	}
	bubble(t, func(t *testing.T) {
		f := route.ForwardTo("http://a:80")
		f.Groups[0].Weight = 0
		b := newBed(t, nil, func(o *Options) { o.Routes = forwardTable(t, f) })
		b.serve("a:80", named("a"))
		if r := b.get("/x", nil); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
			t.Errorf("no weight = %d, Retry-After %q, want 503 with one", r.StatusCode, r.Header.Get("Retry-After"))
		}
	})
}

// TestLeastOutstandingForward: a slow target gets no more than it works off.
func TestLeastOutstandingForward(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := route.ForwardTo("http://slow:80", "http://fast:80")
		f.Groups[0].Upstream.Algorithm = route.LeastOutstanding
		b := newBed(t, nil, func(o *Options) { o.Routes = forwardTable(t, f) })
		b.serve("slow:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Minute)
			_, _ = io.WriteString(w, "slow")
		}))
		b.serve("fast:80", named("fast"))
		var slow sync.WaitGroup
		for len(b.handler.Upstreams()[0].Targets) == 2 && b.handler.Upstreams()[0].Targets[0].Outstanding == 0 {
			slow.Go(func() { b.do(t.Context(), http.MethodGet, "/x", nil, nil) })
			synctest.Wait()
		}
		if diff := cmp.Diff(map[string]int{"fast": 20}, b.answers(20)); diff != "" {
			t.Errorf("while one target is busy (-want +got):\n%s", diff)
		}
		slow.Wait()
		if n := b.handler.Upstreams()[0].Targets[0].Outstanding; n != 0 {
			t.Errorf("%d requests are under way after all were answered", n)
		}
	})
}

// TestUnhealthyTargetIsLeftOut, and comes back by itself.
func TestUnhealthyTargetIsLeftOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := route.ForwardTo("http://a:80", "http://b:80")
		f.Groups[0].Upstream.HealthCheck = &route.HealthCheck{Path: "/health"}
		b := newBed(t, nil, func(o *Options) { o.Routes = forwardTable(t, f) })
		b.serve("a:80", named("a"))
		b.serve("b:80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				w.WriteHeader(http.StatusInternalServerError)
			}
			_, _ = io.WriteString(w, "b")
		}))
		b.running()
		synctest.Wait()
		if diff := cmp.Diff(map[string]int{"a": 10}, b.answers(10)); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
	})
}

// TestReloadDrains: a request under way survives a reload that takes its target
// out, but not for longer than the drain timeout; health is kept meanwhile.
func TestReloadDrains(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := route.ForwardTo("http://old:80", "http://stays:80")
		u := f.Groups[0].Upstream
		u.Name, u.DrainTimeout, u.HealthCheck = "u", time.Minute, &route.HealthCheck{}
		b := newBed(t, nil, func(o *Options) { o.Routes = forwardTable(t, f) })
		release := make(chan struct{})
		b.serve("old:80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				return // the health check
			}
			_, _ = io.WriteString(w, "begun,")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-release:
				_, _ = io.WriteString(w, "ended")
			case <-r.Context().Done():
			}
		}))
		var checks atomic.Int64
		b.serve("stays:80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				checks.Add(1)
			}
			_, _ = io.WriteString(w, "stays")
		}))
		b.running()
		synctest.Wait()

		replies := make(chan reply, 4)
		for range 4 { // two of them reach the old target
			go func() { replies <- b.do(t.Context(), http.MethodGet, "/x", nil, nil) }()
		}
		synctest.Wait()
		later := *u
		later.URLs = []string{"http://stays:80"}
		if err := b.handler.SetRoutes(forwardTable(t, &route.Forward{Groups: []route.ForwardGroup{{Upstream: &later, Weight: 1}}})); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"stays": 10}, b.answers(10)); diff != "" {
			t.Errorf("after the reload (-want +got):\n%s", diff)
		}
		synctest.Wait()
		if n := checks.Load(); n != 1 {
			t.Errorf("the target that stays was checked %d times, want once: its health is known", n)
		}
		time.Sleep(50 * time.Second)
		release <- struct{}{} // one of the two ends in time
		synctest.Wait()
		var drained []balance.TargetStatus
		for _, one := range b.handler.Upstreams()[0].Targets {
			if one.State == balance.Draining {
				drained = append(drained, one)
			}
		}
		if len(drained) != 1 || drained[0].Outstanding != 1 {
			t.Errorf("draining = %+v, want the old target with one request", drained)
		}
		time.Sleep(11 * time.Second)
		got := map[string]int{}
		for range 4 {
			r := <-replies
			if r.err != nil {
				r.body += " cut"
			}
			got[r.body]++
		}
		if diff := cmp.Diff(map[string]int{"stays": 2, "begun,ended": 1, "begun, cut": 1}, got); diff != "" {
			t.Errorf("requests from before the reload (-want +got):\n%s", diff)
		}
	})
}
