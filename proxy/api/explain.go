package api

import (
	"fmt"
	"strings"
	"time"

	"github.com/webordinary/warmgate/session"
)

// explain says in a sentence why the session is as it is.
func explain(r *session.Report, now time.Time) string {
	s := &r.Session
	switch {
	case s.Over(now):
		if s.Cause != "" {
			return "over: " + s.Cause
		}
		return "over: its time to live has passed"
	case r.Backend.Phase.Warming():
		return explainStart(&r.Backend, now)
	case s.Status == session.Error:
		return explainError(r, now)
	case s.Status == session.Inactive && s.LastActivity.At.IsZero():
		return "asleep; " + waker(s) + " wakes it"
	case s.Status == session.Inactive:
		return "asleep; last was " + lastActivity(s, now) + "; " + waker(s) + " wakes it"
	case s.Status == session.Initializing:
		return "waits for its start, which another replica or an earlier run began"
	}
	return explainAwake(r, now)
}

// waker is what wakes the session, or the pool that forward rules use.
func waker(s *session.Session) string {
	if _, ok := s.ID.Pool(); ok {
		return "a request"
	}
	return "a visit"
}

func explainStart(b *session.Backend, now time.Time) string {
	text := fmt.Sprintf("%s; %s so far", waitsFor(b.Phase), span(now.Sub(b.Began)))
	if wait := b.LaunchAt.Sub(now); wait > 0 {
		text = fmt.Sprintf("waits for its turn to be started, which comes in %s; %s so far", span(wait), span(now.Sub(b.Began)))
	}
	if b.Estimate.Samples > 0 {
		text += ", usually " + span(b.Estimate.Median)
	}
	if !b.Deadline.IsZero() {
		text += ", given up after " + span(b.Deadline.Sub(b.Began))
	}
	return text
}

// waitsFor says what a start in this phase waits for.
func waitsFor(p session.Phase) string {
	switch p {
	case session.PhaseAsked:
		return "waits for the driver to take up the start"
	case session.PhaseProvisioning:
		return "waits for a place to run"
	case session.PhasePulling:
		return "waits for the image or the dependencies"
	case session.PhaseStarting:
		return "waits for its server to accept connections"
	}
	return "waits for its server's first answer"
}

func explainError(r *session.Report, now time.Time) string {
	cause := r.Session.Cause
	if cause == "" && r.Backend.Err != nil {
		cause = r.Backend.Err.Error()
	}
	text := "the last start failed: " + strings.TrimPrefix(cause, session.ErrStartFailed.Error()+": ")
	if wait := r.Backend.RetryAt.Sub(now); wait > 0 {
		return text + "; " + waker(&r.Session) + " may try again in " + span(wait)
	}
	return text + "; " + waker(&r.Session) + " tries again"
}

func explainAwake(r *session.Report, now time.Time) string {
	text := "awake: last was " + lastActivity(&r.Session, now)
	var uses []string
	for _, use := range []struct {
		count     int
		one, many string
	}{
		{r.Requests, "request under way", "requests under way"},
		{r.Sockets, "open socket", "open sockets"},
		{r.Waiters, "waiting request", "waiting requests"},
	} {
		switch {
		case use.count == 1:
			uses = append(uses, "1 "+use.one)
		case use.count > 1:
			uses = append(uses, fmt.Sprintf("%d %s", use.count, use.many))
		}
	}
	if len(uses) > 0 {
		text += "; " + strings.Join(uses, ", ")
	}
	if r.SleepAt.IsZero() {
		return text
	}
	if wait := r.SleepAt.Sub(now); wait > 0 {
		return text + "; sleeps in " + span(wait) + " if nothing more happens"
	}
	return text + "; about to sleep"
}

// lastActivity names the last activity and how long it is ago.
func lastActivity(s *session.Session, now time.Time) string {
	if s.LastActivity.At.IsZero() {
		return "nothing"
	}
	return kindInWords(s.LastActivity.Kind) + " " + span(now.Sub(s.LastActivity.At)) + " ago"
}

func kindInWords(k session.ActivityKind) string {
	switch k {
	case session.Navigation:
		return "a page opened"
	case session.Management:
		return "a management call"
	case session.HMRUpdate:
		return "an edit shown in a tab"
	case session.Call:
		return "a request"
	case session.Request:
		return "a request of a page"
	case session.SocketData:
		return "data on a socket"
	case session.Presence:
		return "an open tab"
	}
	return "something"
}

// span writes a duration as people say it: 850ms, 12s, 4m 10s, 2h 5m.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
}
