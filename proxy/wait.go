package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/webordinary/warmgate/session"
)

// awaitTarget is the cold path: it wakes, waits and answers as the table says.
// It returns true if a target is ready and the request not answered.
func (x *exchange) awaitTarget(deadline time.Time) (ready bool) {
	b, _ := x.live.Backend()
	if b.Phase == session.PhaseReady {
		return true
	}
	d := decide(x.class, b.Phase, x.r.Method, !time.Now().Before(b.RetryAt))
	x.line.cold(x.class, d.answer)
	if d.wake {
		if err := x.wake(); err != nil {
			x.notWoken(err)
			return false
		}
	}
	switch d.answer {
	case answerPage:
		return x.waitOrPage(time.Now().Add(x.pageGrace()))
	case answerHold:
		return x.hold(deadline)
	case answerCard:
		x.card()
	case answerUnavailable:
		x.fail(&session.RefusedError{What: "the " + x.subject() + " is asleep", RetryAfter: defaultRetryAfter})
	case answerFailed:
		x.startFailed(b)
	case answerGone:
		x.gone(session.ErrExpired)
	}
	return false
}

const defaultRetryAfter = 5 * time.Second

// wake asks for the session to be started, once for all requests that ask at the
// same time, and at the cost of the wake budgets.
func (x *exchange) wake() error {
	return x.wakeAs(x.activityKind(), x.pool == nil && isBackground(x.r, x.class))
}

// wakeAs is wake for somebody who is known already.
func (x *exchange) wakeAs(kind session.ActivityKind, background bool) error {
	return x.h.wakes.do(x.r.Context(), x.live, background, func(ctx context.Context) error {
		if err := x.h.budgets.spendWake(x.live, x.origin.client); err != nil {
			x.h.metrics.refused.WithLabelValues("wakes").Inc()
			return err
		}
		err := x.h.backends.Wake(ctx, x.live, session.Wake{
			Activity: session.Activity{At: time.Now(), Kind: kind}, Background: background,
		})
		x.h.metrics.wakes.WithLabelValues(x.class.String(), outcome(err)).Inc()
		return err
	})
}

// notWoken answers a request whose wake was refused.
func (x *exchange) notWoken(err error) {
	switch {
	case errors.Is(err, session.ErrExpired):
		x.gone(err)
	case errors.Is(err, session.ErrConflict) && x.class == classNavigation:
		b, _ := x.live.Backend()
		x.line.reason(err)
		x.h.pages.Asleep(x.w, x.r, x.view(b))
	case errors.Is(err, session.ErrConflict):
		// A page's own request, after another one had its wake: not again.
		x.fail(&session.RefusedError{What: "the session is asleep; open its page to wake it", RetryAfter: time.Minute})
	default:
		x.fail(err)
	}
}

// waitOrPage waits until the grace time is over and then shows where the start is.
func (x *exchange) waitOrPage(until time.Time) (ready bool) {
	b, _ := x.live.Backend()
	// A full house shows the page at once: it holds no place.
	if x.h.holds.enter(&x.settings.Holds, x.live, x.origin.client) == nil {
		var settled bool
		b, settled = await(x.r.Context(), x.live, time.Until(until))
		x.h.holds.leave(x.live, x.origin.client)
		switch {
		case x.r.Context().Err() != nil:
			x.line.clientGone()
			return false
		case settled && b.Phase == session.PhaseReady:
			return true
		case settled && b.Phase == session.PhaseFailed:
			x.startFailed(b)
			return false
		case settled && b.Phase == session.PhaseEnded:
			x.gone(session.ErrExpired)
			return false
		}
	}
	x.warmingPage(b)
	return false
}

// hold keeps the request until the start has ended, its body unread.
func (x *exchange) hold(deadline time.Time) (ready bool) {
	if err := x.h.holds.enter(&x.settings.Holds, x.live, x.origin.client); err != nil {
		x.h.metrics.refused.WithLabelValues("holds").Inc()
		x.notHeld(err)
		return false
	}
	ctx, stop := x.clientContext()
	began := time.Now()
	b, settled := await(ctx, x.live, time.Until(deadline))
	gone := ctx.Err() != nil
	stop()
	x.h.holds.leave(x.live, x.origin.client)
	x.line.waited(time.Since(began))
	x.h.metrics.held.Observe(time.Since(began).Seconds())
	switch {
	case gone:
		x.line.clientGone()
	case !settled:
		x.notHeld(&session.RefusedError{What: "the " + x.subject() + " is still starting (" + string(b.Phase) + ")", RetryAfter: defaultRetryAfter})
	case b.Phase == session.PhaseReady:
		return true
	case b.Phase == session.PhaseFailed:
		x.startFailed(b)
	case b.Phase == session.PhaseEnded:
		x.gone(session.ErrExpired)
	default:
		x.fail(&session.RefusedError{What: "the " + x.subject() + " has gone to sleep again", RetryAfter: defaultRetryAfter})
	}
	return false
}

// notHeld answers a request that cannot wait, or not longer. A person who sent a
// form sees how far the start is, and that the form was not delivered.
func (x *exchange) notHeld(err error) {
	if x.class != classNavigation {
		x.fail(err)
		return
	}
	x.line.reason(err)
	b, _ := x.live.Backend()
	x.warmingPage(b)
}

// startFailed answers with the failure of b.
func (x *exchange) startFailed(b *session.Backend) {
	err := b.Err
	if err == nil {
		err = session.ErrStartFailed
	}
	if x.class == classNavigation {
		x.failedPage(b, err)
		return
	}
	x.fail(err)
}

// outcome is an error as a metric label.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, session.ErrCapacity):
		return "refused"
	case errors.Is(err, session.ErrConflict):
		return "conflict"
	case errors.Is(err, session.ErrExpired):
		return "expired"
	}
	return "error"
}
