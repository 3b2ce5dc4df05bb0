package proxy

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webordinary/warmgate/session/cache"
	"github.com/webordinary/warmgate/session/storetest"
)

// TestBusySessionIsExtendedSeldom: 100,000 requests in a minute cost at most
// three writes, and the last one's activity is stored in the end.
func TestBusySessionIsExtendedSeldom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBed(t, nil, nil)
		extender := cache.NewExtender(b.store, b.registry.Clocks(), cache.ExtenderOptions{})
		b.handler.toucher = extender
		b.handler.sendBy(cannedTransport{body: "x"})
		var writes atomic.Int64
		b.store.Intercept(func(_ context.Context, op storetest.Op, _ string) error {
			if op == storetest.OpUpdate {
				writes.Add(1)
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = extender.Run(ctx) })
		live := b.ready()

		const requests, burst = 100_000, 100
		r := benchRequest("/session/demo/src/a.js")
		w := &discardWriter{header: http.Header{}}
		for range requests / burst {
			time.Sleep(time.Minute * burst / requests)
			for range burst {
				clear(w.header)
				b.handler.ServeHTTP(w, r)
			}
		}
		last := time.Now()
		if n := writes.Load(); n > 3 || n < 2 {
			t.Errorf("%d writes for %d requests, want at most 3", n, requests)
		}
		stop()
		running.Wait()
		if err := extender.Flush(t.Context(), live); err != nil {
			t.Fatal(err)
		}
		if s, err := b.store.Session(t.Context(), "demo"); err != nil || !s.LastActivity.At.Equal(last) {
			t.Errorf("stored last activity %v (%v), want %v", s.LastActivity.At, err, last)
		}
	})
}
