package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/webordinary/warmgate/session"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	alive := session.Session{
		Status: session.Active, ExpiresAt: now.Add(time.Hour),
		LastActivity: session.Activity{At: now.Add(-12 * time.Second), Kind: session.Navigation},
	}
	with := func(change func(s *session.Session)) session.Session {
		s := alive
		change(&s)
		return s
	}
	for _, test := range []struct {
		name   string
		report session.Report
		want   string
	}{
		{
			"awake",
			session.Report{Session: alive, Sockets: 2, Requests: 1, SleepAt: now.Add(4*time.Minute + 48*time.Second)},
			"awake: last was a page opened 12s ago; 1 request under way, 2 open sockets; sleeps in 4m 48s if nothing more happens",
		},
		{
			"overdue",
			session.Report{Session: alive, SleepAt: now.Add(-time.Second)},
			"awake: last was a page opened 12s ago; about to sleep",
		},
		{
			"asleep",
			session.Report{Session: with(func(s *session.Session) {
				s.Status = session.Inactive
				s.LastActivity = session.Activity{At: now.Add(-2 * time.Hour), Kind: session.HMRUpdate}
			})},
			"asleep; last was an edit shown in a tab 2h 0m ago; a visit wakes it",
		},
		{
			"a pool asleep",
			session.Report{Session: session.NewPoolRecord("hermes", now)},
			"asleep; a request wakes it",
		},
		{
			"pulling",
			session.Report{
				Session: with(func(s *session.Session) { s.Status = session.Initializing }),
				Backend: session.Backend{
					Phase: session.PhasePulling, Began: now.Add(-800 * time.Millisecond),
					Deadline: now.Add(119200 * time.Millisecond), Estimate: session.Estimate{Median: 9 * time.Second, Samples: 1},
				},
			},
			"waits for the image or the dependencies; 800ms so far, usually 9s, given up after 2m 0s",
		},
		{
			"started elsewhere",
			session.Report{
				Session: with(func(s *session.Session) { s.Status = session.Initializing }),
				Backend: session.Backend{Phase: session.PhaseAsleep},
			},
			"waits for its start, which another replica or an earlier run began",
		},
		{
			"failed",
			session.Report{
				Session: with(func(s *session.Session) { s.Status = session.Error }),
				Backend: session.Backend{Phase: session.PhaseFailed, Err: fmt.Errorf("%w: no folder", session.ErrStartFailed), RetryAt: now.Add(4 * time.Second)},
			},
			"the last start failed: no folder; a visit may try again in 4s",
		},
		{
			"ended",
			session.Report{Session: with(func(s *session.Session) { s.Status, s.Cause = session.Expired, "done" })},
			"over: done",
		},
		{
			"ttl over",
			session.Report{Session: with(func(s *session.Session) { s.ExpiresAt = now })},
			"over: its time to live has passed",
		},
	} {
		if got := explain(&test.report, now); got != test.want {
			t.Errorf("%s: explain = %q\nwant %q", test.name, got, test.want)
		}
	}
}
