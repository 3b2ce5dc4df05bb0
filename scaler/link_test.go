package scaler_test

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// link is one replica's way to what all of them share. Calls take time and may
// get lost on their way there or back; while it is cut they wait, and go on when
// it is healed, as those of a process that was stopped. A replica whose clock is
// fast is one that finds all stored times to be earlier, and stores later ones.
type link struct {
	cluster *cluster
	skew    time.Duration

	mu     sync.Mutex
	rough  bool
	cut    chan struct{} // closed when it heals; nil if it is not cut
	healed time.Time
}

var (
	_ session.Store   = (*link)(nil)
	_ session.Records = (*link)(nil)
)

// sever cuts the link; the requests under way may lose their task from now on.
func (k *link) sever() {
	k.mu.Lock()
	if k.cut == nil {
		k.cut = make(chan struct{})
	}
	k.mu.Unlock()
	k.cluster.mu.Lock()
	defer k.cluster.mu.Unlock()
	for u := range k.cluster.open {
		if u.replica.link == k {
			u.exempt = true
		}
	}
}

func (k *link) heal() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cut != nil {
		close(k.cut)
		k.cut, k.healed = nil, time.Now()
	}
}

// setRough says whether calls get lost.
func (k *link) setRough(is bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rough = is
}

func (k *link) isCut() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cut != nil
}

func (k *link) healedAt() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.healed
}

// pass waits until the link is whole.
func (k *link) pass() {
	k.mu.Lock()
	cut := k.cut
	k.mu.Unlock()
	if cut != nil {
		<-cut
	}
}

// fate returns how long a call takes there and back, and whether either is lost.
func (k *link) fate() (there, back time.Duration, unsent, unheard bool) {
	k.mu.Lock()
	rough := k.rough
	k.mu.Unlock()
	k.cluster.mu.Lock()
	defer k.cluster.mu.Unlock()
	f := k.cluster.fate
	delay := func() time.Duration {
		if f.IntN(50) == 0 {
			return time.Duration(f.IntN(400)) * time.Millisecond
		}
		return time.Duration(f.IntN(20_000)) * time.Microsecond
	}
	return delay(), delay(), rough && f.IntN(50) == 0, rough && f.IntN(50) == 0
}

// over carries a call over the link. One that has arrived takes place even if
// nobody waits for it any more.
func over[T any](ctx context.Context, k *link, call func() (T, error)) (T, error) {
	var none T
	there, back, unsent, unheard := k.fate()
	k.pass()
	time.Sleep(there)
	k.pass()
	if unsent || ctx.Err() != nil {
		return none, session.ErrUnavailable
	}
	v, err := call()
	time.Sleep(back)
	k.pass()
	if unheard || ctx.Err() != nil {
		return none, session.ErrUnavailable
	}
	return v, err
}

// shift moves the times of a record by d.
func shift(s session.Session, d time.Duration) session.Session {
	for _, t := range []*time.Time{
		&s.CreatedAt, &s.ExpiresAt, &s.LastActivity.At, &s.LastHuman, &s.LastVisit, &s.AwakeSince,
	} {
		moveTime(t, d)
	}
	return s
}

func moveTime(t *time.Time, d time.Duration) {
	if !t.IsZero() {
		*t = t.Add(d)
	}
}

func (k *link) Session(ctx context.Context, id session.ID) (session.Session, error) {
	return over(ctx, k, func() (session.Session, error) {
		s, err := k.cluster.memory.Session(context.WithoutCancel(ctx), id)
		return shift(s, -k.skew), err
	})
}

func (k *link) Sessions(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	return over(ctx, k, func() ([]session.Session, error) {
		found, err := k.cluster.memory.Sessions(context.WithoutCancel(ctx), ids)
		for i := range found {
			found[i] = shift(found[i], -k.skew)
		}
		return found, err
	})
}

func (k *link) Create(ctx context.Context, s session.Session) error {
	_, err := over(ctx, k, func() (struct{}, error) {
		return struct{}{}, k.cluster.memory.Create(context.WithoutCancel(ctx), shift(s, k.skew))
	})
	return err
}

func (k *link) Update(ctx context.Context, id session.ID, c session.Change) (session.Session, error) {
	for _, t := range []*time.Time{
		&c.AliveAt, &c.DeadAt, &c.IdleSince, &c.Activity.At, &c.LastHuman, &c.LastVisit, &c.ExpiresAt, &c.AwakeSince,
	} {
		moveTime(t, k.skew)
	}
	return over(ctx, k, func() (session.Session, error) {
		s, err := k.cluster.update(context.WithoutCancel(ctx), id, c)
		return shift(s, -k.skew), err
	})
}

func (k *link) Delete(ctx context.Context, id session.ID) error {
	_, err := over(ctx, k, func() (struct{}, error) {
		return struct{}{}, k.cluster.memory.Delete(context.WithoutCancel(ctx), id)
	})
	return err
}

func (k *link) ByClient(ctx context.Context, client session.ClientID) iter.Seq2[session.Session, error] {
	return k.list(ctx, k.cluster.memory.ByClient(ctx, client))
}

func (k *link) ByStatus(ctx context.Context, statuses ...session.Status) iter.Seq2[session.Session, error] {
	return k.list(ctx, k.cluster.memory.ByStatus(ctx, statuses...))
}

func (k *link) list(ctx context.Context, all iter.Seq2[session.Session, error]) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		if _, err := over(ctx, k, func() (struct{}, error) { return struct{}{}, nil }); err != nil {
			yield(session.Session{}, err)
			return
		}
		for s, err := range all {
			if !yield(shift(s, -k.skew), err) {
				return
			}
		}
	}
}

func (k *link) Ping(ctx context.Context) error { return k.cluster.memory.Ping(ctx) }

func (k *link) Record(ctx context.Context, key string) (session.Record, error) {
	return over(ctx, k, func() (session.Record, error) {
		return k.cluster.memory.Record(context.WithoutCancel(ctx), key)
	})
}

func (k *link) PutRecord(ctx context.Context, key string, value []byte, version int64) (int64, error) {
	return over(ctx, k, func() (int64, error) {
		return k.cluster.memory.PutRecord(context.WithoutCancel(ctx), key, value, version)
	})
}

// station is the driver as one replica reaches it.
type station struct {
	*link
	c *cluster
}

var _ scaler.Driver = station{}

func (d station) Recover(context.Context) error { return nil }

func (d station) Start(ctx context.Context, spec scaler.TaskSpec) (string, error) {
	return over(ctx, d.link, func() (string, error) { return d.c.fake.Start(context.WithoutCancel(ctx), spec) })
}

func (d station) Stop(ctx context.Context, id string) error {
	_, err := over(ctx, d.link, func() (struct{}, error) {
		d.c.stopping(id)
		return struct{}{}, d.c.fake.Stop(context.WithoutCancel(ctx), id)
	})
	return err
}

func (d station) Tasks(ctx context.Context) ([]scaler.Task, error) {
	return over(ctx, d.link, func() ([]scaler.Task, error) { return d.c.fake.Tasks(ctx) })
}

func (d station) Changed() <-chan struct{} { return nil }

// Close does nothing: the tasks outlive a replica.
func (d station) Close(context.Context) error { return nil }
