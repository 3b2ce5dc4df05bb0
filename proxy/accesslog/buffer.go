package accesslog

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// flushSize is the number of waiting bytes at which a write begins at once.
const flushSize = 64 << 10

// buffer keeps lines in memory until they are written, in order.
type buffer struct {
	full    chan struct{} // holds a token when flushSize is reached
	dropped atomic.Uint64

	mu      sync.Mutex
	pending []byte
	lines   uint64 // in pending
	closed  bool

	// writing guards what follows, and is held during a write; mu is not.
	writing  sync.Mutex
	w        io.Writer
	spare    []byte
	reported uint64 // value of dropped in the last report
}

// Dropped is the number of lines that were lost: the output was too slow, failed,
// or was closed.
func (l *Logger) Dropped() uint64 { return l.buffer.dropped.Load() }

// add appends a line, or drops it. It never waits for a write.
func (l *Logger) add(line []byte) {
	l.buffer.mu.Lock()
	if l.buffer.closed || len(l.buffer.pending)+len(line) > l.options.MaxPending {
		l.buffer.mu.Unlock()
		l.buffer.dropped.Add(1)
		return
	}
	l.buffer.pending = append(l.buffer.pending, line...)
	l.buffer.lines++
	n := len(l.buffer.pending)
	l.buffer.mu.Unlock()

	if n >= flushSize && n-len(line) < flushSize {
		select {
		case l.buffer.full <- struct{}{}:
		default:
		}
	}
}

// Run writes lines until ctx ends, and then those that wait. It returns nil;
// errors of the output are logged, and the lines are counted as dropped. A write
// that goes on is waited for.
func (l *Logger) Run(ctx context.Context) error {
	ticker := time.NewTicker(l.options.FlushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-l.buffer.full:
		case <-ctx.Done():
			_ = l.flush() // reported there
			return nil
		}
		_ = l.flush()
	}
}

// Close writes the lines that wait and drops those that come later. It waits for
// a write that goes on.
func (l *Logger) Close() error {
	l.buffer.mu.Lock()
	l.buffer.closed = true
	l.buffer.mu.Unlock()
	return l.flush()
}

// flush writes what waits, in one call, and reports what was lost.
func (l *Logger) flush() error {
	l.buffer.writing.Lock()
	defer l.buffer.writing.Unlock()

	l.buffer.mu.Lock()
	batch, lines := l.buffer.pending, l.buffer.lines
	l.buffer.pending, l.buffer.lines = l.buffer.spare[:0], 0
	l.buffer.mu.Unlock()
	l.buffer.spare = batch

	var err error
	if len(batch) > 0 {
		if _, err = l.buffer.w.Write(batch); err != nil {
			l.buffer.dropped.Add(lines)
		}
	}
	if n := l.buffer.dropped.Load(); n > l.buffer.reported {
		l.log.Warn("access log lines dropped", "lines", n-l.buffer.reported, "total", n, "error", err)
		l.buffer.reported = n
	}
	return err
}
