package cache_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/bolt"
	"github.com/webordinary/warmgate/session/cache"
	"github.com/webordinary/warmgate/session/storetest"
)

// cached returns a cache that has read count sessions from an embedded store,
// their ids, and what they take in memory.
func cached(b *testing.B, count int) (*cache.Cache, []session.ID, float64) {
	b.Helper()
	st, err := bolt.Open(bolt.Options{Path: b.TempDir() + "/sessions.db"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	ids := make([]session.ID, count)
	limit := make(chan struct{}, 256)
	for i := range ids {
		ids[i] = session.NewID()
		limit <- struct{}{}
		go func() {
			defer func() { <-limit }()
			s := sleeping(ids[i])
			s.UserID, s.ThreadID, s.Pool, s.Status = "user-4711", "thread-0815", "edit", session.Active
			s.Target = session.Target{
				TaskID: fmt.Sprintf("arn:aws:ecs:us-west-2:123456789012:task/edit-cluster/%032x", i),
				Addr:   "10.0.12.34:4321",
			}
			s.AwakeSince = s.CreatedAt
			if err := st.Create(b.Context(), s); err != nil {
				b.Error(err)
			}
		}()
	}
	for range cap(limit) {
		limit <- struct{}{}
	}
	before := heap()
	c := newCache(b, st, cache.Options{Size: count, Fresh: time.Hour})
	for _, id := range ids {
		if _, err := c.Session(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
	return c, ids, float64(heap()-before) / float64(count)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkHit measures a look-up from memory, and the memory of a session.
func BenchmarkHit(b *testing.B) {
	for _, count := range []int{1000, 100_000} {
		c, ids, size := cached(b, count)
		b.Run(fmt.Sprint("sessions=", count), func(b *testing.B) {
			b.ReportAllocs()
			ctx := b.Context()
			for i := 0; b.Loop(); i++ {
				if _, err := c.Session(ctx, ids[i*7919%count]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(size, "B/session")
		})
		b.Run(fmt.Sprint("sessions=", count, "/parallel"), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				ctx := b.Context()
				for i := 0; pb.Next(); i++ {
					if _, err := c.Session(ctx, ids[i*7919%count]); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkTouch measures what a request pays to be recorded.
func BenchmarkTouch(b *testing.B) {
	e := cache.NewExtender(storetest.NewMemory(), session.Clocks{}, cache.ExtenderOptions{})
	s := sleeping("a")
	l := session.NewRegistry(session.Clocks{}).Acquire(&s)
	defer l.Release()
	b.ReportAllocs()
	for b.Loop() {
		e.Touch(l, session.Activity{At: time.Now(), Kind: session.Request})
	}
}
