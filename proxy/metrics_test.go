package proxy

import (
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestRoutingLatency: it is about requests that found their session ready, up to
// the point where they are sent on.
func TestRoutingLatency(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute / 2) })
		registry := prometheus.NewRegistry()
		b := newBed(t, slow, func(o *Options) { o.Metrics = registry })
		b.backends.delay = 10 * time.Second
		observed := func() (n uint64, seconds float64) {
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "warmgate_routing_seconds" {
					h := f.GetMetric()[0].GetHistogram()
					return h.GetSampleCount(), h.GetSampleSum()
				}
			}
			t.Fatal("there is no such metric")
			return 0, 0
		}
		if r := b.get("/session/demo/data", nil); r.StatusCode != http.StatusOK {
			t.Fatalf("held = %d", r.StatusCode)
		}
		if n, _ := observed(); n != 0 {
			t.Errorf("a held request counts %d times", n)
		}
		for range 2 {
			b.get("/session/demo/data", nil)
		}
		if n, seconds := observed(); n != 2 || seconds > 1 {
			t.Errorf("two requests count %d times with %v s, want the upstream's time not to count", n, seconds)
		}
	})
}
