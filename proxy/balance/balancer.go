package balance

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/proxy/route"
)

// Options are what a [Balancer] works with. The zero value of every field is
// usable.
type Options struct {
	// Dial connects to a target, for checks. Nil means a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Cut closes all connections to an address (host:port) whose requests have not
	// ended in their drain timeout. Nil means they go on.
	Cut func(addr string)
	// Registerer takes the metrics; nil means they are not published.
	Registerer prometheus.Registerer
	// Logger takes a line for each change of a target's health; nil means none.
	Logger *slog.Logger
}

// Balancer owns groups of targets and checks their health. Safe for concurrent
// use.
type Balancer struct {
	options Options
	prober  prober
	checks  sync.WaitGroup

	mu     sync.Mutex
	groups map[string]*Group
	// draining has the timer that ends each target's drain.
	draining map[*Target]*time.Timer
	// running is Run's context; nil while it does not run.
	running context.Context
}

// New returns a Balancer without groups. It starts nothing.
func New(o Options) *Balancer {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Cut == nil {
		o.Cut = func(string) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Balancer{
		options: o, prober: newProber(o.Dial),
		groups: make(map[string]*Group), draining: make(map[*Target]*time.Timer),
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(newCollector(b))
	}
	return b
}

// Run checks the targets' health until ctx ends; then no check and no drain is
// under way any more. Call it once.
func (b *Balancer) Run(ctx context.Context) error {
	b.mu.Lock()
	b.running = ctx
	for _, g := range b.groups {
		for _, t := range g.targets {
			b.watch(t)
		}
	}
	b.mu.Unlock()
	<-ctx.Done()
	b.mu.Lock()
	b.running = nil
	for t, timer := range b.draining {
		timer.Stop()
		delete(b.draining, t)
	}
	b.mu.Unlock()
	b.checks.Wait()
	return nil
}

// Replace puts the groups for these upstreams, by name, in place of those that are
// there, and returns them. A target that stays in its group under the same health
// check keeps its health; one that does not is drained. The upstreams are valid
// ones ([route.Upstream.Mistakes]).
func (b *Balancer) Replace(upstreams map[string]*route.Upstream) map[string]*Group {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.groups
	b.groups = make(map[string]*Group, len(upstreams))
	groups := make(map[string]*Group, len(upstreams))
	for name, u := range upstreams {
		g := old[name]
		if g == nil {
			g = &Group{balancer: b, name: name}
		}
		delete(old, name)
		b.configure(g, u.WithDefaults())
		b.groups[name], groups[name] = g, g
	}
	for _, g := range old {
		for _, t := range g.targets {
			b.drain(t)
		}
	}
	return groups
}

// configure gives the group its targets. b.mu is held.
func (b *Balancer) configure(g *Group, config route.Upstream) {
	leaving := make(map[string]*Target)
	for _, t := range g.targets {
		leaving[t.Scheme+"://"+t.Addr] = t
	}
	g.targets = nil
	for _, raw := range config.URLs {
		u, err := url.Parse(raw)
		if err != nil {
			continue // see Replace
		}
		key := u.Scheme + "://" + u.Host
		t := leaving[key]
		if t == nil || !sameCheck(t.check, config.HealthCheck) {
			t = newTarget(g, u, config.HealthCheck)
			b.watch(t)
		} else {
			delete(leaving, key)
		}
		g.targets = append(g.targets, t)
	}
	g.config = config
	g.publish()
	for _, t := range leaving {
		b.drain(t)
	}
}

func sameCheck(a, b *route.HealthCheck) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// restTime is how long a target that could not be reached is left out.
const restTime = 5 * time.Second

// Unreached tells that no connection to the target came about: it is left out for
// some seconds, and checked at once if it is checked at all.
func (t *Target) Unreached() {
	b := t.group.balancer
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.resting || t.state == Draining {
		return
	}
	t.resting = true
	t.group.publish()
	time.AfterFunc(restTime, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		t.resting = false
		t.group.publish()
	})
	select {
	case t.recheck <- struct{}{}:
	default:
	}
}
