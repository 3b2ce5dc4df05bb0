package scaler

import (
	"context"
	"sync"
)

// crew is the goroutines that work in the background, so that all of them can
// be waited for.
type crew struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// spawn runs f in a goroutine and reports whether it does: not after close.
func (c *crew) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.wg.Go(f)
	}
	return !c.closed
}

// close lets nobody in any more and waits until all have left, or ctx ends.
func (c *crew) close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	left := make(chan struct{})
	go func() {
		c.wg.Wait()
		close(left)
	}()
	select {
	case <-left:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
