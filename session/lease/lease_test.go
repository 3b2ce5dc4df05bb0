package lease_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/lease"
	"github.com/webordinary/warmgate/session/storetest"
)

// contender runs a lease against records whose calls can be held up.
type contender struct {
	*lease.Lease
	t       *testing.T
	records *link
	stop    func()
}

// link is one contender's way to the shared records.
type link struct {
	session.Records
	mu sync.Mutex
	// down: calls fail at once. frozen: calls wait until it is closed, and
	// then go on as if no time had passed.
	down   bool
	frozen chan struct{}
	// trouble, if set, is asked what happens to a call.
	trouble func() mishap
}

// mishap is what happens to one call.
type mishap struct {
	before, after time.Duration
	// unsent: it does not arrive. unheard: it takes place, the answer is lost.
	unsent, unheard bool
}

func (k *link) state() (bool, chan struct{}, func() mishap) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.down, k.frozen, k.trouble
}

// do carries out call. When ctx ends the caller hears that, but the call goes on.
func do[T any](ctx context.Context, k *link, call func() (T, error)) (T, error) {
	var none T
	down, frozen, trouble := k.state()
	if frozen != nil {
		<-frozen
	}
	if down {
		return none, session.ErrUnavailable
	}
	var m mishap
	if trouble != nil {
		m = trouble()
	}
	type outcome struct {
		value T
		err   error
	}
	heard := make(chan outcome, 1)
	go func() {
		time.Sleep(m.before)
		if m.unsent {
			heard <- outcome{err: session.ErrUnavailable}
			return
		}
		v, err := call()
		time.Sleep(m.after)
		if m.unheard {
			v, err = none, session.ErrUnavailable
		}
		heard <- outcome{v, err}
	}()
	select {
	case o := <-heard:
		return o.value, o.err
	case <-ctx.Done():
		return none, session.ErrUnavailable
	}
}

func (k *link) Record(ctx context.Context, key string) (session.Record, error) {
	return do(ctx, k, func() (session.Record, error) { return k.Records.Record(context.WithoutCancel(ctx), key) })
}

func (k *link) PutRecord(ctx context.Context, key string, value []byte, version int64) (int64, error) {
	return do(ctx, k, func() (int64, error) {
		return k.Records.PutRecord(context.WithoutCancel(ctx), key, value, version)
	})
}

func (k *link) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func contend(t *testing.T, records session.Records, name string, trouble func() mishap) *contender {
	t.Helper()
	c := &contender{t: t, records: &link{Records: records, trouble: trouble}}
	var err error
	c.Lease, err = lease.New(c.records, lease.Options{Key: "lease/scaler", Holder: name})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return c
}

// holders returns how many of the contenders hold the lease.
func holders(all []*contender) int {
	n := 0
	for _, c := range all {
		if c.Held() {
			n++
		}
	}
	return n
}

func (c *contender) want(held bool, when string) {
	c.t.Helper()
	synctest.Wait()
	if got := c.Held(); got != held {
		c.t.Errorf("%s: Held() = %v, want %v", when, got, held)
	}
}

// inPair runs f with a holder and a challenger.
func inPair(t *testing.T, f func(a, b *contender)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		records := storetest.NewMemory()
		a := contend(t, records, "a", nil)
		synctest.Wait()
		b := contend(t, records, "b", nil)
		a.want(true, "alone")
		b.want(false, "after another")
		f(a, b)
		a.stop()
		b.stop()
	})
}

func TestHolderStays(t *testing.T) {
	t.Parallel()
	inPair(t, func(a, b *contender) {
		for range 100 {
			time.Sleep(10 * time.Second)
			a.want(true, "later")
			b.want(false, "later")
		}
	})
}

func TestReleaseHandsOver(t *testing.T) {
	t.Parallel()
	inPair(t, func(a, b *contender) {
		a.stop()
		a.want(false, "after Run")
		time.Sleep(3 * time.Second) // the next look
		b.want(true, "after the other gave it back")
	})
}

func TestPausedHolderHoldsNothing(t *testing.T) {
	t.Parallel()
	inPair(t, func(a, b *contender) {
		thaw := make(chan struct{})
		a.records.set(func() { a.records.frozen = thaw })
		time.Sleep(20 * time.Second)
		a.want(false, "while it is stopped")
		b.want(true, "while the other is stopped")
		a.records.set(func() { a.records.frozen = nil })
		close(thaw) // the renewal that it was stopped in goes out now
		a.want(false, "when it goes on")
		for range 10 {
			time.Sleep(5 * time.Second)
			a.want(false, "later")
			b.want(true, "later")
		}
	})
}

func TestPartition(t *testing.T) {
	t.Parallel()
	inPair(t, func(a, b *contender) {
		a.records.set(func() { a.records.down = true })
		time.Sleep(11 * time.Second)
		b.want(false, "before the TTL")
		time.Sleep(time.Second)
		a.want(false, "out of reach of the store")
		b.want(false, "before the TTL")
		time.Sleep(8 * time.Second)
		b.want(true, "after the TTL")
		a.records.set(func() { a.records.down = false })
		time.Sleep(time.Minute)
		a.want(false, "back")
		b.want(true, "with the other back")
	})
}

func TestStoreOutage(t *testing.T) {
	t.Parallel()
	inPair(t, func(a, b *contender) {
		for _, c := range []*contender{a, b} {
			c.records.set(func() { c.records.down = true })
		}
		time.Sleep(15 * time.Second)
		a.want(false, "in the outage")
		b.want(false, "in the outage")
		for _, c := range []*contender{a, b} {
			c.records.set(func() { c.records.down = false })
		}
		time.Sleep(3 * time.Second)
		if a.Held() == b.Held() {
			t.Errorf("after the outage: Held() = %v and %v, want one of them", a.Held(), b.Held())
		}
	})
}

func TestOwnWriteWithALostAnswer(t *testing.T) {
	t.Parallel()
	inPair(t, func(a, b *contender) {
		a.records.set(func() { a.records.trouble = func() mishap { return mishap{unheard: true} } })
		time.Sleep(3 * time.Second)
		a.records.set(func() { a.records.trouble = nil })
		time.Sleep(6 * time.Second) // one step finds the conflict, the next its own record
		a.want(true, "after a renewal whose answer was lost")
		b.want(false, "after a renewal whose answer was lost")
	})
}

func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		records := storetest.NewMemory()
		if _, err := records.PutRecord(t.Context(), "lease/scaler", []byte("?"), 0); err != nil {
			t.Fatal(err)
		}
		c := contend(t, records, "a", nil)
		time.Sleep(14 * time.Second)
		c.want(false, "before the TTL")
		time.Sleep(4 * time.Second)
		c.want(true, "after the TTL")
		c.stop()
	})
}

// TestNeverTwo has three contenders meet a thousand different histories of late,
// lost and repeated calls, pauses and partitions.
func TestNeverTwo(t *testing.T) {
	t.Parallel()
	const ranges, seeds = 10, 100
	for r := range ranges {
		t.Run(fmt.Sprintf("%d-%d", r*seeds, (r+1)*seeds-1), func(t *testing.T) {
			t.Parallel()
			var held int
			for i := range seeds {
				synctest.Test(t, func(t *testing.T) { held += history(t, uint64(r*seeds+i)) })
			}
			if held == 0 {
				t.Error("nobody ever held the lease")
			}
		})
	}
}

// history returns for how many of its looks somebody held the lease.
func history(t *testing.T, seed uint64) (held int) {
	t.Helper()
	random, fate := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	trouble := func() mishap {
		mu.Lock()
		defer mu.Unlock()
		m := mishap{before: latency(fate), after: latency(fate)}
		m.unsent, m.unheard = fate.IntN(10) == 0, fate.IntN(10) == 0
		return m
	}
	records := storetest.NewMemory()
	var all []*contender
	for n := range 3 {
		all = append(all, contend(t, records, fmt.Sprint(n), trouble))
	}
	for range 240 {
		time.Sleep(250 * time.Millisecond)
		if random.IntN(20) == 0 {
			disturb(all[random.IntN(len(all))].records, random)
		}
		switch n := holders(all); n {
		case 0:
		case 1:
			held++
		default:
			t.Errorf("seed %d: %d replicas hold the lease", seed, n)
		}
	}
	for _, c := range all {
		c.records.set(func() {
			if c.records.frozen != nil {
				close(c.records.frozen)
				c.records.frozen = nil
			}
			c.records.down = false
		})
		c.stop()
	}
	time.Sleep(time.Minute) // what is on its way ends
	return held
}

// latency is short most of the time, and now and then longer than the TTL.
func latency(random *rand.Rand) time.Duration {
	switch random.IntN(20) {
	case 0:
		return time.Duration(random.IntN(20_000)) * time.Millisecond
	case 1, 2, 3:
		return time.Duration(random.IntN(4_000)) * time.Millisecond
	}
	return time.Duration(random.IntN(50)) * time.Millisecond
}

// disturb begins or ends a pause or a partition.
func disturb(k *link, random *rand.Rand) {
	k.set(func() {
		switch {
		case k.frozen != nil:
			close(k.frozen)
			k.frozen = nil
		case random.IntN(2) == 0:
			k.frozen = make(chan struct{})
		default:
			k.down = !k.down
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]lease.Options{
		"no key":       {Holder: "a"},
		"no holder":    {Key: "k"},
		"negative TTL": {Key: "k", Holder: "a", TTL: -1},
	} {
		if _, err := lease.New(storetest.NewMemory(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestGauge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		l, err := lease.New(storetest.NewMemory(), lease.Options{Key: "k", Holder: "a", Registerer: reg})
		if err != nil {
			t.Fatal(err)
		}
		if got := gauge(t, reg); got != 0 {
			t.Errorf("gauge = %v before Run, want 0", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		synctest.Wait()
		if got := gauge(t, reg); got != 1 {
			t.Errorf("gauge = %v, want 1", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func gauge(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "warmgate_lease_held" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("there is no gauge")
	return 0
}
