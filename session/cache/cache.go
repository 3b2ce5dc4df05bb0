package cache

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/webordinary/warmgate/session"
)

// Cache is a [session.Store] that remembers what another one says. Writes go
// through. Another replica's write shows after [Options.Fresh] at the latest.
// Safe for concurrent use.
type Cache struct {
	store   session.Store
	options Options
	metrics *metrics
	epoch   time.Time

	sessions *lru.Cache[session.ID, *entry]
	// missing has the time (of Cache.now) until which an id is known not to exist.
	missing *lru.Cache[session.ID, time.Duration]

	mu sync.Mutex
	// busy has what is under way in the store, by id.
	busy map[session.ID]*traffic
}

var _ session.Store = (*Cache)(nil)

// New returns an empty cache in front of store.
func New(store session.Store, o Options) (*Cache, error) {
	o = o.withDefaults()
	sessions, err := lru.New[session.ID, *entry](o.Size)
	if err != nil {
		return nil, &session.InvalidError{Field: "size", Reason: err.Error()}
	}
	missing, err := lru.New[session.ID, time.Duration](o.NegativeSize)
	if err != nil {
		return nil, &session.InvalidError{Field: "negative_size", Reason: err.Error()}
	}
	return &Cache{
		store: store, options: o, metrics: newMetrics(o.Registerer, sessions.Len), epoch: time.Now(),
		sessions: sessions, missing: missing, busy: make(map[session.ID]*traffic),
	}, nil
}

// now is the monotonic time since the cache was made.
func (c *Cache) now() time.Duration { return time.Since(c.epoch) }

// Session returns the session from memory if it is fresh there. Otherwise one
// read of the store answers all callers of that moment; it goes on if they give
// up. ErrUnavailable if the store is down and nothing, or only what is older
// than [Options.MaxStale], is remembered.
func (c *Cache) Session(ctx context.Context, id session.ID) (session.Session, error) {
	now := c.now()
	e, ok := c.sessions.Get(id)
	if ok && int64(now) < e.usable.Load() {
		if e.claimRefresh(now) {
			c.metrics.refreshes.Inc()
			c.read(ctx, id)
		}
		if now < e.read+c.options.Fresh {
			c.metrics.hits.Inc()
		} else {
			c.metrics.stale.Inc()
		}
		return e.session.unpack(), nil
	}
	if until, known := c.missing.Get(id); known && now < until {
		c.metrics.negative.Inc()
		return session.Session{}, fmt.Errorf("session %s: %w", id, session.ErrNotFound)
	}
	return c.wait(ctx, id)
}

// wait answers with what the store says.
func (c *Cache) wait(ctx context.Context, id session.ID) (session.Session, error) {
	if err := ctx.Err(); err != nil {
		return session.Session{}, err
	}
	f := c.read(ctx, id)
	select {
	case <-f.done:
	case <-ctx.Done():
		return session.Session{}, fmt.Errorf("session %s: %w", id, ctx.Err())
	}
	if f.stale {
		c.metrics.stale.Inc()
	} else {
		c.metrics.misses.Inc()
	}
	return f.session, f.err
}

// Sessions asks the store.
func (c *Cache) Sessions(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	begin := time.Now()
	found, err := c.store.Sessions(ctx, ids)
	c.metrics.observe("sessions", begin, err)
	return found, err
}

// ByClient asks the store.
func (c *Cache) ByClient(ctx context.Context, client session.ClientID) iter.Seq2[session.Session, error] {
	return c.store.ByClient(ctx, client)
}

// ByStatus asks the store.
func (c *Cache) ByStatus(ctx context.Context, statuses ...session.Status) iter.Seq2[session.Session, error] {
	return c.store.ByStatus(ctx, statuses...)
}

// Ping asks the store.
func (c *Cache) Ping(ctx context.Context) error { return c.store.Ping(ctx) }

// call runs one operation of the store about one session, with the deadline
// and the metrics that each has.
func (c *Cache) call(ctx context.Context, operation string, f func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	begin := time.Now()
	err := f(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer within %s: %w: %w", c.options.Timeout, session.ErrUnavailable, err)
	}
	c.metrics.observe(operation, begin, err)
	return err
}
