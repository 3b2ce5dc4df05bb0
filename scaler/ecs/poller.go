package ecs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// How often ECS is asked, and how long it is left alone after errors.
const (
	briskPace    = time.Second
	calmPace     = 10 * time.Second
	freshFor     = time.Second
	longestPause = 30 * time.Second
)

// respite is how long ECS is left alone after errors in a row.
type respite struct {
	length time.Duration
	until  time.Time
}

func (r *respite) begin() {
	r.length = min(max(2*r.length, briskPace), longestPause)
	r.until = time.Now().Add(r.length)
}

func (r *respite) over() bool { return !time.Now().Before(r.until) }

// poller has ECS asked again and again, never twice at once.
type poller struct {
	// ask brings the view up to date; thorough means: look for tasks of others, too.
	ask func(ctx context.Context, thorough bool) error
	// pace is the time until the next asking; zero: not before a kick.
	pace func() time.Duration
	log  *slog.Logger

	kicks chan struct{}
	lane  chan struct{} // held while asking; guards what follows
	asked time.Time     // when the last thorough asking began that went well
	err   error         // of the last asking
	rest  respite       // after it

	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newPoller(ask func(context.Context, bool) error, pace func() time.Duration, log *slog.Logger) *poller {
	return &poller{ask: ask, pace: pace, log: log, kicks: make(chan struct{}, 1), lane: make(chan struct{}, 1)}
}

// start begins to ask, until stop.
func (p *poller) start() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.running.Go(func() { p.run(ctx) })
}

func (p *poller) stop() {
	if p.cancel != nil {
		p.cancel()
	}
	p.running.Wait()
}

// kick has the pace looked at anew.
func (p *poller) kick() {
	select {
	case p.kicks <- struct{}{}:
	default:
	}
}

func (p *poller) run(ctx context.Context) {
	last := time.Now()
	for {
		var due <-chan time.Time
		if pace := p.pace(); pace > 0 {
			due = time.After(time.Until(last.Add(pace)))
		}
		select {
		case <-ctx.Done():
			return
		case <-p.kicks:
		case <-due:
			last = time.Now()
			p.refresh(ctx, calmPace)
		}
	}
}

// fresh returns once ECS has been asked thoroughly not longer ago than age, or
// the error of asking. While ECS is left alone that is the last one.
func (p *poller) fresh(ctx context.Context, age time.Duration) error {
	return p.turn(ctx, func() error {
		if time.Since(p.asked) < age {
			return nil
		}
		return p.once(ctx, true)
	})
}

// refresh asks, thoroughly if that was longer ago than age.
func (p *poller) refresh(ctx context.Context, age time.Duration) {
	_ = p.turn(ctx, func() error { return p.once(ctx, time.Since(p.asked) >= age) }) // once has logged it
}

// turn runs f with the lane held.
func (p *poller) turn(ctx context.Context, f func() error) error {
	select {
	case p.lane <- struct{}{}:
		defer func() { <-p.lane }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once asks, unless ECS is left alone. The lane is held.
func (p *poller) once(ctx context.Context, thorough bool) error {
	began := time.Now()
	if !p.rest.over() {
		return p.err
	}
	err := p.ask(ctx, thorough)
	if ctx.Err() != nil {
		return ctx.Err() // says nothing of ECS
	}
	if err != nil {
		p.rest.begin()
		p.log.WarnContext(ctx, "cannot ask ECS; what runs goes on", "error", err, "retry_in", p.rest.length)
	} else {
		if p.err != nil {
			p.log.InfoContext(ctx, "ECS answers again")
		}
		p.rest = respite{}
		if thorough {
			p.asked = began
		}
	}
	p.err = err
	return err
}
