package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/webordinary/warmgate/session"
)

// Options say which lease it is, and whose.
type Options struct {
	// Key of the record; all contenders use the same. Required.
	Key string
	// Holder names this contender and no other, also not one of an earlier run
	// on the same machine. Required.
	Holder string
	// TTL is how long a challenger has to see no sign of the holder. The record
	// is written, or read, five times in it. Zero means 15 s.
	TTL time.Duration
	// Registerer gets a gauge; nil means that nobody does.
	Registerer prometheus.Registerer
	// Logger; nil discards.
	Logger *slog.Logger
}

// Lease is one contender for a lease. Nothing is held until [Lease.Run] runs.
type Lease struct {
	records session.Records
	options Options
	log     *slog.Logger

	// since is when the last write that succeeded was begun; nil if nothing is
	// held. Everything below belongs to Run.
	since atomic.Pointer[time.Time]
	// mine: as far as is known the record is ours, at this version.
	mine    bool
	version int64
	// seen is the version of another's record, first seen at seenAt.
	seen   int64
	seenAt time.Time
	// shown is what was logged last.
	shown bool
}

// New returns a contender for the lease that is kept in records.
func New(records session.Records, o Options) (*Lease, error) {
	if o.TTL == 0 {
		o.TTL = 15 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	for _, required := range []struct{ field, value string }{{"key", o.Key}, {"holder", o.Holder}} {
		if required.value == "" {
			return nil, &session.InvalidError{Field: required.field, Reason: "is empty"}
		}
	}
	if o.TTL < 0 {
		return nil, &session.InvalidError{Field: "ttl", Reason: "is negative"}
	}
	l := &Lease{records: records, options: o, log: o.Logger.With("lease", o.Key)}
	promauto.With(o.Registerer).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warmgate_lease_held", Help: "1 on the replica that holds the lease, else 0.",
		ConstLabels: prometheus.Labels{"lease": o.Key},
	}, func() float64 {
		if l.Held() {
			return 1
		}
		return 0
	})
	return l, nil
}

// Held reports whether this contender holds the lease now. Safe for concurrent
// use; it asks nobody and does not wait.
func (l *Lease) Held() bool {
	since := l.since.Load()
	return since != nil && elapsed(*since) < l.options.TTL/4*3
}

// elapsed is the time since t by the clock that says more: the monotonic one
// stands still while the machine is suspended, the other may be set back.
func elapsed(t time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// Run takes the lease whenever it is free and keeps it, until ctx ends; then it
// gives it back, so that another contender need not wait for the TTL.
func (l *Lease) Run(ctx context.Context) error {
	defer l.release(context.WithoutCancel(ctx))
	for {
		begun := time.Now()
		err := l.step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		l.show(err)
		// Contenders that begin together do not stay together.
		pause := l.beat() - time.Since(begun) - rand.N(l.beat()/10+1)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// beat is the time from one step to the next, and the most that a call may take.
func (l *Lease) beat() time.Duration { return l.options.TTL / 5 }

// step renews what is ours, or looks whether it can be had.
func (l *Lease) step(ctx context.Context) error {
	if !l.mine {
		free, err := l.look(ctx)
		if err != nil || !free {
			return err
		}
	}
	return l.write(ctx)
}

// look reads the record and reports whether it may be taken: there is none, it
// was given back, it is ours by a write whose answer was lost, or its holder
// gave no sign for the TTL.
func (l *Lease) look(ctx context.Context) (free bool, err error) {
	holder, version, err := l.read(ctx)
	if err != nil {
		return false, err
	}
	if l.seenAt.IsZero() || version != l.seen {
		l.seen, l.seenAt = version, time.Now()
	}
	l.version = version
	return holder == "" || holder == l.options.Holder || time.Since(l.seenAt) >= l.options.TTL, nil
}

// state is the record as it is stored. An empty holder has given it back.
type state struct {
	Holder string `json:"holder"`
}

// read returns who holds the record; nobody if there is none.
func (l *Lease) read(ctx context.Context) (holder string, version int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.beat())
	defer cancel()
	r, err := l.records.Record(ctx, l.options.Key)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return "", 0, nil
	case err != nil:
		return "", 0, fmt.Errorf("read lease: %w", err)
	}
	var stored state
	if json.Unmarshal(r.Value, &stored) != nil {
		stored.Holder = "unreadable" // somebody's, for the TTL
	}
	return stored.Holder, r.Version, nil
}

// write takes or renews the lease, if the record is still the one known. The
// version tells: whoever was faster wins.
func (l *Lease) write(ctx context.Context) error {
	begun := time.Now()
	version, err := l.put(ctx, l.options.Holder, l.version)
	switch {
	case errors.Is(err, session.ErrConflict):
		l.mine = false
		l.since.Store(nil)
		return nil
	case err != nil:
		return err
	}
	l.mine, l.version = true, version
	l.since.Store(&begun)
	return nil
}

func (l *Lease) put(ctx context.Context, holder string, version int64) (int64, error) {
	value, err := json.Marshal(state{Holder: holder})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.beat())
	defer cancel()
	version, err = l.records.PutRecord(ctx, l.options.Key, value, version)
	if err != nil {
		return 0, fmt.Errorf("write lease: %w", err)
	}
	return version, nil
}

// release holds nothing any more, and then says so to the others. A write of
// ours that is still on its way cannot follow: its version is taken.
func (l *Lease) release(ctx context.Context) {
	l.since.Store(nil)
	for {
		holder, version, err := l.read(ctx)
		if err == nil && holder != l.options.Holder {
			return
		}
		if err == nil {
			_, err = l.put(ctx, "", version)
		}
		if err == nil {
			l.log.Info("lease is given back")
			return
		}
		if !errors.Is(err, session.ErrConflict) {
			l.log.Warn("cannot give the lease back: it runs out by itself", "error", err)
			return
		}
	}
}

// show logs who holds the lease when that changes.
func (l *Lease) show(err error) {
	held := l.Held()
	if held == l.shown {
		return
	}
	l.shown = held
	switch {
	case held:
		l.log.Info("lease is held")
	case err != nil:
		l.log.Warn("lease is lost", "error", err)
	default:
		l.log.Warn("lease is lost to another replica")
	}
}
