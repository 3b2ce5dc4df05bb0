package scaler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/webordinary/warmgate/session"
)

var _ session.Backends = (*Scaler)(nil)

// Options are what a [Scaler] works with. Store, Records, Registry, Extender and
// Pools are required.
type Options struct {
	Store    session.Store
	Records  session.Records
	Registry *session.Registry
	Extender session.Extender
	Pools    []Pool
	// DefaultPool serves records that name none. Empty means the first pool.
	DefaultPool string
	// MaxTasks bounds the tasks of all pools together. Zero means 50.
	MaxTasks int
	// LaunchRate is how many starts a second are asked of the drivers, of all
	// pools together; the others wait their turn. Zero means no bound.
	LaunchRate float64
	// Alone: no other replica shares the store and the drivers. What is found at
	// the start was left by an earlier run, and is put right at once.
	Alone bool
	// Lease says whether this replica does what one at a time may do: stop tasks
	// that are too many, put right what nobody deals with, delete what is old. Nil
	// means that it always does.
	Lease Lease
	// StaysUp reports whether the tasks of a pool may have work that nobody here
	// sees, so that none of them is ever one too many. Nil means that none may. It
	// must not block.
	StaysUp func(pool string) bool
	// FollowInterval is how often the sessions in use here are read again, to
	// follow what other replicas do; ParkedInterval the same for those of which
	// only parked sockets are open. Both vary by a fifth. Zero means 2 and 10 s.
	FollowInterval time.Duration
	ParkedInterval time.Duration
	// CacheAge is how old the answers of Store may be. Zero means 3 s.
	CacheAge time.Duration
	// StopGrace is the time between the two steps of stopping, in which a replica
	// that uses the session can resume it. Zero means 5 s. Unless Alone it is at
	// least what others take to notice: FollowInterval with its variation,
	// CacheAge, and the skew of the clocks.
	StopGrace time.Duration
	// DrainTimeout bounds the wait for the last requests before a task is
	// stopped. Zero means 30 s.
	DrainTimeout time.Duration
	// Retention is how long the records of ended sessions are kept. Zero means 24 h.
	Retention time.Duration
	// SweepInterval is how often awake sessions are looked at. Zero means 1 s.
	SweepInterval time.Duration
	// ReconcileInterval is how often store, drivers and memory are compared.
	// Zero means 30 s.
	ReconcileInterval time.Duration
	// JanitorInterval is how often sleeping and ended records are looked
	// through. Zero means 10 min.
	JanitorInterval time.Duration
	// Dial connects to targets, for probes. Nil means a [net.Dialer].
	Dial DialFunc
	// Registerer gets the metrics; nil means that nobody does.
	Registerer prometheus.Registerer
	// Logger; nil discards.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&o.FollowInterval, 2 * time.Second},
		{&o.ParkedInterval, 10 * time.Second},
		{&o.CacheAge, 3 * time.Second},
		{&o.StopGrace, 5 * time.Second},
		{&o.DrainTimeout, 30 * time.Second},
		{&o.Retention, 24 * time.Hour},
		{&o.SweepInterval, time.Second},
		{&o.ReconcileInterval, 30 * time.Second},
		{&o.JanitorInterval, 10 * time.Minute},
	} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	if !o.Alone {
		follow := o.FollowInterval + o.FollowInterval/followJitter
		o.StopGrace = max(o.StopGrace, follow+o.CacheAge+o.Registry.Clocks().Skew)
	}
	if o.MaxTasks == 0 {
		o.MaxTasks = 50
	}
	if o.DefaultPool == "" && len(o.Pools) > 0 {
		o.DefaultPool = o.Pools[0].Name
	}
	if o.StaysUp == nil {
		o.StaysUp = func(string) bool { return false }
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Lease is held by one replica at a time, or by none. What a holder does that was
// stopped and goes on must do no harm, however late it comes.
type Lease interface {
	Held() bool
}

// Scaler gives sessions their tasks and takes them away. Safe for concurrent
// use. Call [Scaler.Recover], then [Scaler.Run] beside serving, then
// [Scaler.Shutdown].
type Scaler struct {
	opts     Options
	store    session.Store
	records  session.Records
	registry *session.Registry
	clocks   session.Clocks
	extender session.Extender
	pools    map[string]*pool
	prober   *prober
	launches launches
	log      *slog.Logger
	metrics  *metrics

	// background ends at Shutdown: what Wake begins outlives who called it.
	background context.Context
	shut       context.CancelFunc
	crew       crew

	// mu guards all state in memory. It is never held while a store, a driver
	// or a task is asked.
	mu       sync.Mutex
	sessions map[session.ID]*tracked
	// ending are the sessions that were found being ended, and since when.
	ending map[session.ID]time.Time
	// outage is when the store was last found out of reach.
	outage time.Time
}

// New returns a Scaler that does nothing yet. Mistakes in the pools are
// reported all at once.
func New(o Options) (*Scaler, error) {
	o = o.withDefaults()
	s := &Scaler{
		opts: o, store: o.Store, records: o.Records, registry: o.Registry, clocks: o.Registry.Clocks(),
		extender: o.Extender, pools: make(map[string]*pool), prober: newProber(o.Dial), launches: newLaunches(o.LaunchRate), log: o.Logger,
		sessions: make(map[session.ID]*tracked), ending: make(map[session.ID]time.Time),
	}
	var errs []error
	for _, p := range o.Pools {
		if err := p.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("pool %q: %w", p.Name, err))
		}
		if s.pools[p.Name] != nil {
			errs = append(errs, fmt.Errorf("pool %q is there twice", p.Name))
		}
		s.pools[p.Name] = newPool(p)
		s.pools[p.Name].longestLine = s.launches.longest(o.MaxTasks)
	}
	if s.pools[o.DefaultPool] == nil {
		errs = append(errs, fmt.Errorf("the default pool %q is not configured", o.DefaultPool))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.background, s.shut = context.WithCancel(context.Background())
	s.metrics = newMetrics(o.Registerer, s)
	return s, nil
}

// Run watches the drivers, puts idle sessions to sleep and puts right what does
// not fit together, until ctx ends.
func (s *Scaler) Run(ctx context.Context) error {
	var loops errgroup.Group
	for _, p := range s.pools {
		loops.Go(func() error { s.watch(ctx, p); return nil })
		loops.Go(func() error { s.watchLoad(ctx, p); return nil })
	}
	loops.Go(func() error { every(ctx, s.opts.SweepInterval, s.sweep); return nil })
	loops.Go(func() error { jittered(ctx, s.opts.FollowInterval, s.followUsed); return nil })
	loops.Go(func() error { jittered(ctx, s.opts.ParkedInterval, s.followParked); return nil })
	loops.Go(func() error { every(ctx, s.opts.ReconcileInterval, s.reconcile); return nil })
	loops.Go(func() error { every(ctx, s.opts.JanitorInterval, s.clean); return nil })
	return loops.Wait()
}

// leads reports whether this replica does what one at a time may do.
func (s *Scaler) leads() bool { return s.opts.Lease == nil || s.opts.Lease.Held() }

// every calls f again and again until ctx ends, never twice at once.
func every(ctx context.Context, interval time.Duration, f func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f(ctx)
		}
	}
}

// Shutdown gives up what is under way and closes the drivers: tasks that cannot
// outlive this process are stopped. Call it when Run has returned and nothing is
// served any more. Sessions stay as their records say; the next Recover puts
// them right.
func (s *Scaler) Shutdown(ctx context.Context) error {
	s.shut()
	errs := []error{s.crew.close(ctx)}
	var closing sync.WaitGroup
	var mu sync.Mutex
	for _, p := range s.pools {
		closing.Go(func() {
			if err := p.Driver.Close(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("close the driver of pool %s: %w", p.Name, err))
			}
		})
	}
	closing.Wait()
	return errors.Join(errs...)
}
