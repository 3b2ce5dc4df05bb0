package proxy

import (
	"net/netip"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/webordinary/warmgate/session"
)

// Rate is a token bucket: Burst at once, then PerMinute.
type Rate struct {
	PerMinute float64
	Burst     int
}

func (r Rate) limit() rate.Limit { return rate.Limit(r.PerMinute / 60) }

// BudgetOptions bound what strangers can cause.
type BudgetOptions struct {
	// WakesPerSession, WakesPerClient and WakesPerAddress bound the wakes that
	// requests cause. Zero means 6 a minute (burst 6), 60 (30), 30 (20).
	WakesPerSession, WakesPerClient, WakesPerAddress Rate
	// MissesPerAddress bounds look-ups of ids that do not exist. Zero means 60 a
	// minute, burst 60.
	MissesPerAddress Rate
	// Tracked is how many keys of each kind are remembered, the least recently
	// used forgotten first. Zero means 10,000.
	Tracked int
}

func (o BudgetOptions) withDefaults() BudgetOptions {
	setDefault(&o.WakesPerSession, Rate{6, 6})
	setDefault(&o.WakesPerClient, Rate{60, 30})
	setDefault(&o.WakesPerAddress, Rate{30, 20})
	setDefault(&o.MissesPerAddress, Rate{60, 60})
	setDefault(&o.Tracked, 10_000)
	return o
}

// buckets is a bounded set of token buckets of one rate.
type buckets[K comparable] struct {
	rate  atomic.Pointer[Rate]
	cache *lru.Cache[K, *rate.Limiter]
}

func newBuckets[K comparable](r Rate, size int) *buckets[K] {
	cache, err := lru.New[K, *rate.Limiter](size)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	b := &buckets[K]{cache: cache}
	b.rate.Store(&r)
	return b
}

// set changes the rate. What a key has spent stays spent.
func (b *buckets[K]) set(r Rate) {
	if *b.rate.Swap(&r) == r {
		return
	}
	for _, l := range b.cache.Values() {
		l.SetLimit(r.limit())
		l.SetBurst(r.Burst)
	}
}

func (b *buckets[K]) limiter(key K) *rate.Limiter {
	if l, ok := b.cache.Get(key); ok {
		return l
	}
	r := b.rate.Load()
	l := rate.NewLimiter(r.limit(), r.Burst)
	if old, ok, _ := b.cache.PeekOrAdd(key, l); ok {
		return old
	}
	return l
}

// wait returns how long until the key has a token.
func (b *buckets[K]) wait(key K) time.Duration {
	missing := 1 - b.limiter(key).Tokens()
	if missing <= 0 {
		return 0
	}
	return max(time.Second, time.Duration(missing/b.rate.Load().PerMinute*float64(time.Minute)))
}

// budgets are the wake and look-up budgets. Safe for concurrent use.
type budgets struct {
	bySession *buckets[session.ID]
	byClient  *buckets[session.ClientID]
	byAddress *buckets[netip.Addr]
	misses    *buckets[netip.Addr]
}

func newBudgets(o BudgetOptions) *budgets {
	return &budgets{
		bySession: newBuckets[session.ID](o.WakesPerSession, o.Tracked),
		byClient:  newBuckets[session.ClientID](o.WakesPerClient, o.Tracked),
		byAddress: newBuckets[netip.Addr](o.WakesPerAddress, o.Tracked),
		misses:    newBuckets[netip.Addr](o.MissesPerAddress, o.Tracked),
	}
}

// set changes the rates; Tracked stays what it is.
func (b *budgets) set(o BudgetOptions) {
	b.bySession.set(o.WakesPerSession)
	b.byClient.set(o.WakesPerClient)
	b.byAddress.set(o.WakesPerAddress)
	b.misses.set(o.MissesPerAddress)
}

// spendWake takes one wake from all three budgets, or none and returns a
// [*session.RefusedError].
func (b *budgets) spendWake(l *session.Live, client netip.Addr) error {
	for _, budget := range []struct {
		what string
		wait time.Duration
	}{
		{"this session was woken too often", b.bySession.wait(l.ID())},
		{"sessions of this client were woken too often", b.byClient.wait(l.ClientID())},
		{"this address has woken sessions too often", b.byAddress.wait(client)},
	} {
		if budget.wait > 0 {
			return &session.RefusedError{What: budget.what, RetryAfter: budget.wait}
		}
	}
	b.bySession.limiter(l.ID()).Allow()
	b.byClient.limiter(l.ClientID()).Allow()
	b.byAddress.limiter(client).Allow()
	return nil
}

// missesLeft reports whether the address may ask for unknown ids.
func (b *budgets) missesLeft(client netip.Addr) (wait time.Duration, ok bool) {
	wait = b.misses.wait(client)
	return wait, wait == 0
}

func (b *budgets) spendMiss(client netip.Addr) { b.misses.limiter(client).Allow() }
