package scaler_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/cache"
	"github.com/webordinary/warmgate/session/lease"
	"github.com/webordinary/warmgate/session/storetest"
)

// cluster is some replicas that share a store and the tasks of a fake driver,
// over links that delay and lose calls, and a judge that sees all of it.
type cluster struct {
	t        *testing.T
	seed     uint64
	random   *rand.Rand // the test's own
	memory   *storetest.Memory
	fake     *drivertest.Fake
	replicas []*replica
	clients  sync.WaitGroup

	mu sync.Mutex
	// fate decides about the calls of all links.
	fate *rand.Rand
	// open are the requests under way.
	open map[*underway]struct{}
	// over are the sessions that were seen to be over, asked those whose end was
	// asked for, used when each was last used.
	over, asked map[session.ID]bool
	used        map[session.ID]time.Time
	refused     int
	// shares: the sessions share tasks. stopped are those that a stop was asked for.
	shares  bool
	stopped map[string]bool
}

// underway is a request on a task.
type underway struct {
	replica *replica
	task    string
	// exempt: its replica was cut off from the store since the request began, or
	// right before.
	exempt bool
}

// replica is one scaler with what cmd wires around it.
type replica struct {
	*scaler.Scaler
	*link
	registry *session.Registry
	manager  *session.Manager
	extender *cache.Extender
	lease    *lease.Lease
	stop     func()
}

// setup is what a race may choose.
type setup struct {
	replicas int
	pool     scaler.Pool
	clocks   session.Clocks
	script   drivertest.Script
	// skewed makes the clock of the first replica fast by all that is allowed.
	skewed bool
	// rough has links lose calls.
	rough bool
}

const skew = 5 * time.Second

// raceClocks are short, to have much happen in little time.
var raceClocks = session.Clocks{
	TTL: 10 * time.Minute, IdleTimeout: 10 * time.Second, TouchInterval: 3 * time.Second,
	PresenceLimit: time.Minute, AwakeLimit: time.Hour, Skew: skew,
}

func newCluster(t *testing.T, seed uint64, set setup) *cluster {
	t.Helper()
	c := &cluster{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), fate: rand.New(rand.NewPCG(seed, 1)),
		memory: storetest.NewMemory(), fake: drivertest.NewFake(), open: make(map[*underway]struct{}),
		over: make(map[session.ID]bool), asked: make(map[session.ID]bool), used: make(map[session.ID]time.Time),
		stopped: make(map[string]bool), shares: set.pool.Key != "",
	}
	c.fake.Plan = func(int, scaler.TaskSpec) drivertest.Script { return set.script }
	for n := range max(2, set.replicas) {
		k := &link{cluster: c}
		if set.skewed && n == 0 {
			k.skew = skew
		}
		c.replicas = append(c.replicas, newReplica(t, k, n, set))
	}
	for _, r := range c.replicas {
		r.setRough(set.rough)
	}
	return c
}

func newReplica(t *testing.T, k *link, n int, set setup) *replica {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	clocks := set.clocks
	if clocks.TTL == 0 {
		clocks = raceClocks
	}
	cached, err := cache.New(k, cache.Options{Fresh: time.Second, Retry: 300 * time.Millisecond})
	must(err)
	r := &replica{link: k, registry: session.NewRegistry(clocks)}
	r.extender = cache.NewExtender(cached, clocks, cache.ExtenderOptions{Retry: 300 * time.Millisecond, MaxRetry: time.Second})
	r.lease, err = lease.New(k, lease.Options{Key: "lease/scaler", Holder: fmt.Sprint(n), TTL: 10 * time.Second})
	must(err)
	pool := set.pool
	if pool.Name == "" {
		pool.Name, pool.Key = "edit", "{session}"
	}
	pool.Driver, pool.StartTimeout, pool.PollInterval = station{c: k.cluster, link: k}, 20*time.Second, 2*time.Second
	r.Scaler, err = scaler.New(scaler.Options{
		Store: cached, Records: k, Registry: r.registry, Extender: r.extender, Pools: []scaler.Pool{pool},
		Lease: r.lease, FollowInterval: time.Second, CacheAge: time.Second, DrainTimeout: 10 * time.Second,
		SweepInterval: 2 * time.Second, ReconcileInterval: 10 * time.Second, Dial: k.cluster.fake.Dial,
	})
	must(err)
	r.manager = session.NewManager(session.ManagerOptions{
		Store: cached, Registry: r.registry, Extender: r.extender, Backends: r.Scaler, Pool: "edit",
	})
	must(r.Recover(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	var loops sync.WaitGroup
	for _, run := range []func(context.Context) error{r.Run, r.extender.Run, r.lease.Run} {
		loops.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	r.stop = func() {
		cancel()
		if err := r.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		loops.Wait()
	}
	return r
}

// blame reports what must not happen.
func (c *cluster) blame(format string, args ...any) {
	c.t.Errorf("seed %d, %s: %s", c.seed, time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), fmt.Sprintf(format, args...))
}

// between returns a random time of at least from and less than to.
func (c *cluster) between(from, to time.Duration) time.Duration {
	return from + time.Duration(c.random.Int64N(int64(to-from)))
}

// any returns one of the replicas.
func (c *cluster) any() *replica { return c.replicas[c.random.IntN(len(c.replicas))] }

// create stores a sleeping session.
func (c *cluster) create(id session.ID) {
	now := time.Now()
	s := session.Session{
		ID: id, ClientID: "acme", Status: session.Inactive, Pool: "edit", Generation: 1, CreatedAt: now,
		ExpiresAt:    now.Add(raceClocks.TTL),
		LastActivity: session.Activity{At: now, Kind: session.Management}, LastHuman: now, LastVisit: now,
	}
	if err := c.memory.Create(c.t.Context(), s); err != nil {
		c.t.Fatalf("seed %d: %v", c.seed, err)
	}
	c.touched(id)
}

// warm has the session served by the replica.
func (c *cluster) warm(r *replica, id session.ID) {
	c.request(r, id, session.Navigation, time.Millisecond)
}

// later has the replica get a request after some time.
func (c *cluster) later(wait time.Duration, r *replica, id session.ID, kind session.ActivityKind, hold time.Duration) {
	c.clients.Go(func() {
		time.Sleep(wait)
		c.request(r, id, kind, hold)
	})
}

// request is what the proxy does with a request: look up, wake and wait, be
// under way, be counted as activity. It reports whether it was served.
func (c *cluster) request(r *replica, id session.ID, kind session.ActivityKind, hold time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	rec, err := r.manager.Lookup(ctx, id)
	if err != nil {
		c.refuse(id, err)
		return false
	}
	l := r.registry.Acquire(&rec)
	defer l.Release()
	l.Observe(&rec)
	for {
		if b, ok := l.Enter(); ok {
			u := c.enter(r, b.Target.TaskID)
			r.touch(l, id, kind)
			time.Sleep(hold)
			r.touch(l, id, kind)
			c.leave(u)
			l.Leave()
			return true
		}
		l.Waiters().Add(1)
		err := r.await(ctx, l, kind)
		l.Waiters().Add(-1)
		if err != nil {
			c.refuse(id, err)
			return false
		}
	}
}

// await wakes the session and waits until it may be served.
func (r *replica) await(ctx context.Context, l *session.Live, kind session.ActivityKind) error {
	for {
		b, changed := l.Backend()
		switch b.Phase {
		case session.PhaseReady:
			return nil
		case session.PhaseEnded:
			return session.ErrExpired
		case session.PhaseAsleep, session.PhaseFailed:
			err := r.Wake(ctx, l, session.Wake{Activity: session.Activity{At: time.Now(), Kind: kind}})
			if errors.Is(err, session.ErrUnavailable) {
				time.Sleep(100 * time.Millisecond) // a person tries again
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
		}
		if now, _ := l.Backend(); now != b {
			continue
		}
		select {
		case <-changed:
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *replica) touch(l *session.Live, id session.ID, kind session.ActivityKind) {
	r.extender.Touch(l, session.Activity{At: time.Now(), Kind: kind})
	if !r.isCut() {
		r.cluster.touched(id)
	}
}

func (c *cluster) touched(id session.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used[id] = time.Now()
}

// refuse counts a request that was not served; one of a session that is not over
// must not be told that it is.
func (c *cluster) refuse(id session.ID, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused++
	c.t.Logf("refused at %s: %v", time.Now().Format("05.000"), err)
	gone := errors.Is(err, session.ErrExpired) || errors.Is(err, session.ErrNotFound)
	if gone && !c.over[id] && time.Since(c.used[id]) < raceClocks.TTL {
		c.blame("a request of session %s was told %v", id, err)
	}
}

// enter notes a request. A replica that was cut off has followed the others once
// two calls in a row may have got lost.
func (c *cluster) enter(r *replica, task string) *underway {
	u := &underway{replica: r, task: task, exempt: r.isCut() || time.Since(r.healedAt()) < 5*time.Second}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped[task] && !u.exempt {
		c.blame("a request goes to task %s, which is stopped", task)
	}
	c.open[u] = struct{}{}
	return u
}

func (c *cluster) leave(u *underway) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, u)
}

// update carries out a change, and judges it.
func (c *cluster) update(ctx context.Context, id session.ID, ch session.Change) (session.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, _ := c.memory.Session(ctx, id)
	after, err := c.memory.Update(ctx, id, ch)
	if err != nil {
		return after, err
	}
	if before.Status.Ended() && !after.Status.Ended() {
		c.blame("session %s is resurrected by %q", id, ch.Name)
	}
	if !before.Status.Ended() && after.Status.Ended() {
		c.over[id] = true
		if idle := time.Since(c.used[id]); !c.asked[id] && idle < raceClocks.TTL {
			c.blame("session %s is lost by %q, %s after its last use", id, ch.Name, idle)
		}
	}
	// A use that is not written yet may be unknown to others; then it resumes.
	if idle := time.Since(before.LastActivity.At); ch.Name == "sleep" && idle < raceClocks.IdleTimeout {
		c.blame("session %s sleeps %s after its last use", id, idle)
	}
	return after, nil
}

// end ends the session on request.
func (c *cluster) end(r *replica, id session.ID) {
	c.mu.Lock()
	c.asked[id] = true
	c.mu.Unlock()
	for range 20 {
		if _, err := r.manager.End(c.t.Context(), id, "asked"); !errors.Is(err, session.ErrUnavailable) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// stopping judges that a task is stopped.
func (c *cluster) stopping(task string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped[task] = true
	for u := range c.open {
		if u.task == task && !u.exempt {
			c.blame("task %s is stopped under a request", task)
		}
	}
	for id := range c.used {
		rec, err := c.memory.Session(context.Background(), id)
		has := err == nil && rec.Target.TaskID == task && rec.Status == session.Active
		switch {
		case has && !c.shares:
			c.blame("task %s is stopped while session %s has it", task, id)
		case has: // a moment before it looks whether it may
			c.clients.Go(func() { c.leaves(id, task) })
		}
		for _, r := range c.inTouch(5 * time.Second) {
			if r.sendsTo(id) == task {
				c.blame("task %s is stopped while requests of session %s go to it", task, id)
			}
		}
	}
}

// leaves judges that the session gives up the task, which is stopped, soon.
func (c *cluster) leaves(id session.ID, task string) {
	time.Sleep(5 * time.Second)
	rec, err := c.memory.Session(context.Background(), id)
	if err == nil && rec.Target.TaskID == task && len(c.inTouch(10*time.Second)) == len(c.replicas) {
		c.blame("session %s keeps task %s, which is stopped", id, task)
	}
}

// inTouch returns the replicas that have been able to reach the store for so long.
func (c *cluster) inTouch(d time.Duration) []*replica {
	var list []*replica
	for _, r := range c.replicas {
		if !r.isCut() && time.Since(r.healedAt()) >= d {
			list = append(list, r)
		}
	}
	return list
}

// sendsTo returns the task to which the replica sends requests of the session.
func (r *replica) sendsTo(id session.ID) string {
	l, ok := r.registry.Lookup(id)
	if !ok {
		return ""
	}
	defer l.Release()
	if b, _ := l.Backend(); b.Phase == session.PhaseReady {
		return b.Target.TaskID
	}
	return ""
}

// assigned judges that of the tasks of a session that are alive one at most is
// assigned, and that new requests go to no other for long.
func (c *cluster) assigned(id session.ID) {
	rec, err := c.memory.Session(context.Background(), id)
	if err != nil {
		return
	}
	targets := make(map[string]bool)
	for _, r := range c.inTouch(5 * time.Second) {
		targets[r.sendsTo(id)] = true
	}
	delete(targets, "")
	delete(targets, rec.Target.TaskID)
	if len(targets) == 0 {
		return
	}
	generation := rec.Generation
	c.clients.Go(func() { // it may be that another replica's write is not followed yet
		time.Sleep(6 * time.Second)
		now, err := c.memory.Session(context.Background(), id)
		if err != nil || now.Generation != generation || now.Target.TaskID != rec.Target.TaskID {
			return
		}
		for _, r := range c.inTouch(10 * time.Second) {
			if to := r.sendsTo(id); targets[to] {
				c.blame("session %s has %q, and requests go to %s", id, now.Target.TaskID, to)
			}
		}
	})
}

// run lets time pass, and looks each second.
func (c *cluster) run(d time.Duration, ids ...session.ID) {
	for range int(d / time.Second) {
		time.Sleep(time.Second)
		for _, id := range ids {
			c.assigned(id)
		}
	}
}

// isAtRest reports whether no task is alive and no session is served or ending.
func (c *cluster) isAtRest(ids []session.ID) bool {
	for _, id := range ids {
		rec, err := c.memory.Session(c.t.Context(), id)
		if err == nil && rec.Status != session.Inactive && rec.Status != session.Expired {
			return false
		}
	}
	return len(c.fake.Alive()) == 0
}

// finish heals what is broken, waits until nothing happens any more, and looks
// whether all is in order.
func (c *cluster) finish(ids ...session.ID) {
	c.clients.Wait()
	for _, r := range c.replicas {
		r.heal()
		r.setRough(false)
	}
	for end := time.Now().Add(75 * time.Second); time.Now().Before(end) && !c.isAtRest(ids); {
		c.run(5*time.Second, ids...)
	}
	c.run(3*time.Second, ids...) // nothing comes after it
	synctest.Wait()
	if alive := c.fake.Alive(); len(alive) > 0 {
		c.blame("%d tasks are left alive, of %+v", len(alive), alive[0])
	}
	for _, id := range ids {
		rec, err := c.memory.Session(c.t.Context(), id)
		switch {
		case err != nil:
			c.blame("session %s: %v", id, err)
		case c.asked[id] && rec.Status != session.Expired:
			c.blame("session %s was ended and is %s", id, rec.Status)
		case !c.asked[id] && rec.Status != session.Inactive:
			c.blame("session %s is %s, want inactive", id, rec.Status)
		case !c.asked[id] && !c.request(c.any(), id, session.Navigation, time.Second):
			c.blame("session %s cannot be woken any more", id)
		}
	}
	c.clients.Wait()
	for _, r := range c.replicas {
		r.stop()
	}
	if err := c.fake.Close(context.Background()); err != nil {
		c.t.Error(err)
	}
}

// race runs f in a thousand bubbles, each with a seed of its own; in a hundred with
// the race detector.
func race(t *testing.T, f func(t *testing.T, seed uint64)) {
	t.Helper()
	t.Parallel()
	const ranges = 4
	seeds := 250
	if detector {
		seeds = 25
	}
	for r := range ranges {
		t.Run(fmt.Sprintf("%d-%d", r*seeds, (r+1)*seeds-1), func(t *testing.T) {
			t.Parallel()
			for i := range seeds {
				synctest.Test(t, func(t *testing.T) { f(t, uint64(r*seeds+i)) })
				if t.Failed() {
					return
				}
			}
		})
	}
}
