package cache

import (
	"context"
	"errors"
	"strings"

	"github.com/webordinary/warmgate/session"
)

// traffic is what is under way in the store for one id. It exists, guarded by
// Cache.mu, while something is.
//
// It keeps answers in order. A read that began before a write ended may have
// seen the record before it: such a read is cut off from the cache and gets no
// new callers. Of two writes at once nobody here can tell which was the later:
// what they return is remembered, but not as fresh.
type traffic struct {
	// flight is the read that further callers join.
	flight *flight
	// writes counts the writes under way; crossed tells that there were several at once.
	writes  int
	crossed bool
}

// flight is one read of the store for all callers of its time. Its results may
// be read once done is closed.
type flight struct {
	done    chan struct{}
	session session.Session
	err     error
	stale   bool
}

// read joins the read of id under way, or begins one. It outlives its callers,
// and takes the values but not the end of ctx.
func (c *Cache) read(ctx context.Context, id session.ID) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.traffic(id)
	if t.flight == nil {
		f := &flight{done: make(chan struct{})}
		t.flight = f
		go c.fly(context.WithoutCancel(ctx), id, f)
	}
	return t.flight
}

// fly asks the store.
func (c *Cache) fly(ctx context.Context, id session.ID, f *flight) {
	defer close(f.done)
	f.err = errors.New("the read was abandoned") // should the store panic
	defer c.land(id, f)
	f.err = c.call(ctx, "session", func(ctx context.Context) (err error) {
		f.session, err = c.store.Session(ctx, id)
		return err
	})
}

// land remembers what a read has found, unless a write has ended meanwhile.
func (c *Cache) land(id session.ID, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, known := c.sessions.Peek(id)
	current := c.busy[id] != nil && c.busy[id].flight == f
	if current {
		c.busy[id].flight = nil
		c.settle(id)
	}
	switch {
	case f.err == nil && current:
		c.remember(id, c.entry(f.session))
	case errors.Is(f.err, session.ErrNotFound) && current:
		c.sessions.Remove(id)
		c.missing.Add(own(id), c.now()+c.options.Negative)
	case down(f.err) && current && known && c.keepStale(e):
		f.session, f.err, f.stale = e.session.unpack(), nil, true
	}
}

// remember puts e in the cache. The key is a copy of its own: a part of a larger
// text, a request's path or an older record, would keep all of that in memory.
func (c *Cache) remember(id session.ID, e *entry) {
	c.sessions.Add(own(id), e)
	c.missing.Remove(id)
}

func own(id session.ID) session.ID { return session.ID(strings.Clone(string(id))) }

// Create stores s. What is remembered of its id is forgotten: the next look-up
// reads what the store made of it.
func (c *Cache) Create(ctx context.Context, s session.Session) error {
	return c.write(ctx, "create", s.ID, func(ctx context.Context) (*session.Session, error) {
		return nil, c.store.Create(ctx, s)
	})
}

// Update writes through and remembers the outcome.
func (c *Cache) Update(ctx context.Context, id session.ID, change session.Change) (session.Session, error) {
	var after session.Session
	err := c.write(ctx, "update", id, func(ctx context.Context) (*session.Session, error) {
		var err error
		after, err = c.store.Update(ctx, id, change)
		return &after, err
	})
	return after, err
}

// Delete writes through.
func (c *Cache) Delete(ctx context.Context, id session.ID) error {
	return c.write(ctx, "delete", id, func(ctx context.Context) (*session.Session, error) {
		return nil, c.store.Delete(ctx, id)
	})
}

// write runs a write of the store and remembers the record after it, if f tells.
func (c *Cache) write(
	ctx context.Context, operation string, id session.ID, f func(context.Context) (*session.Session, error),
) error {
	c.begin(id)
	var after *session.Session
	err := session.ErrUnavailable
	defer func() { c.end(id, after, err) }()
	err = c.call(ctx, operation, func(ctx context.Context) (err error) {
		after, err = f(ctx)
		return err
	})
	return err
}

func (c *Cache) begin(id session.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.traffic(id)
	t.writes++
	t.crossed = t.crossed || t.writes > 1
}

// end remembers the outcome of a write. After a refusal the next look-up asks
// the store. When it is not known whether the write took place, what is
// remembered is read again soon, as it is after a write of another replica.
func (c *Cache) end(id session.ID, after *session.Session, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.busy[id]
	t.writes--
	t.flight = nil
	crossed := t.crossed
	c.settle(id)

	e, known := c.sessions.Peek(id)
	switch {
	case err == nil && after != nil:
		e = c.entry(*after)
		if crossed {
			e.outdate()
		}
		c.remember(id, e)
	case err == nil, errors.Is(err, session.ErrNotFound):
		c.sessions.Remove(id)
		c.missing.Remove(id)
	case refused(err):
		c.missing.Remove(id)
		if known {
			e.outdate()
		}
	case known:
		e.refresh.Store(0)
	}
}

// traffic returns what is under way for id, made if there is nothing yet.
func (c *Cache) traffic(id session.ID) *traffic {
	t := c.busy[id]
	if t == nil {
		t = &traffic{}
		c.busy[id] = t
	}
	return t
}

// settle forgets the traffic of id when there is none.
func (c *Cache) settle(id session.ID) {
	if t := c.busy[id]; t.flight == nil && t.writes == 0 {
		delete(c.busy, id)
	}
}
