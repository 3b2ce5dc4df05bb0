package cache

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/webordinary/warmgate/session"
)

// entry is a cached session. The session does not change; a newer one comes
// with an entry of its own. Times are those of Cache.now.
type entry struct {
	session packed
	read    time.Duration
	// usable is until when it is served without waiting for the store.
	usable atomic.Int64
	// refresh is from when on a look-up has it read again.
	refresh atomic.Int64
}

// entry returns a fresh entry for a session that was stored at this moment.
func (c *Cache) entry(s session.Session) *entry {
	now := c.now()
	e := &entry{session: pack(&s), read: now}
	e.usable.Store(int64(now + c.options.Fresh))
	e.refresh.Store(int64(now + c.options.Fresh/2))
	return e
}

// claimRefresh reports whether the caller is the one who has e read again.
func (e *entry) claimRefresh(now time.Duration) bool {
	from := e.refresh.Load()
	return int64(now) >= from && e.refresh.CompareAndSwap(from, math.MaxInt64)
}

// outdate makes the next look-up wait for the store: somebody knows better.
func (e *entry) outdate() { e.usable.Store(0) }

// keepStale has e served on for a while, because the store is down, and read
// again before that is over. It reports whether e is not too old for it.
func (c *Cache) keepStale(e *entry) bool {
	now := c.now()
	end := e.read + c.options.MaxStale
	if now >= end {
		return false
	}
	e.usable.Store(int64(min(end, now+c.options.Retry+c.options.Fresh)))
	e.refresh.Store(int64(now + c.options.Retry))
	return true
}
