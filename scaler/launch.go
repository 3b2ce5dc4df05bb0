package scaler

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// launches are the turns at which drivers are asked for tasks: in the order in
// which the tasks were wanted, so many a second. AWS throttles who asks faster.
type launches struct {
	limiter *rate.Limiter
}

// newLaunches returns turns at the rate, of which a second's worth may come at
// once; zero is no bound.
func newLaunches(perSecond float64) launches {
	if perSecond == 0 {
		return launches{limiter: rate.NewLimiter(rate.Inf, 0)}
	}
	return launches{limiter: rate.NewLimiter(rate.Limit(perSecond), int(max(1, perSecond)))}
}

// turn is the place of one task in the line.
type turn struct {
	reservation *rate.Reservation
	at          time.Time
}

// take returns the next turn.
func (l launches) take(now time.Time) turn {
	r := l.limiter.ReserveN(now, 1)
	return turn{reservation: r, at: now.Add(r.DelayFrom(now))}
}

// longest returns how long the line of so many tasks is.
func (l launches) longest(tasks int) time.Duration {
	if l.limiter.Limit() == rate.Inf {
		return 0
	}
	return time.Duration(float64(tasks) / float64(l.limiter.Limit()) * float64(time.Second))
}

// awaitTurn returns when it is the task's turn, or with the cause when its start
// was given up before; the turn goes to others then.
func (s *Scaler) awaitTurn(t *task) error {
	select {
	case <-time.After(time.Until(t.turn.at)):
		return nil
	case <-t.start.Done():
		t.turn.reservation.Cancel()
		return context.Cause(t.start)
	}
}
