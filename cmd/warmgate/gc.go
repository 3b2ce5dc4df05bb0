package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// headroom is what the heap may grow between two collections at least. Go's own
	// minimum is 4 MiB: with the few megabytes that a quiet Warmgate holds, it would
	// collect hundreds of times a second under load.
	headroom = 32 << 20
	// collectorInterval is how often the collector is tuned.
	collectorInterval = 10 * time.Second
)

// gcPercent is the garbage collection target (GOGC) for that much live memory:
// between Go's default and four times as much.
func gcPercent(live uint64) int {
	return int(min(max(headroom*100/max(live, 1), 100), 400))
}

// tuneCollector gives a small heap room and takes it back as the heap grows, until
// ctx ends. A GOGC in the environment is somebody's decision: then it does nothing.
func tuneCollector(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	ticker := time.NewTicker(collectorInterval)
	defer ticker.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for last := 0; ; {
		metrics.Read(live)
		if percent := gcPercent(live[0].Value.Uint64()); percent != last {
			debug.SetGCPercent(percent)
			last = percent
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
