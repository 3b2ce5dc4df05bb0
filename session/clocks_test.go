package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var defaults = Clocks{}.WithDefaults()

func TestClocksDefaults(t *testing.T) {
	want := Clocks{
		TTL: 30 * time.Minute, IdleTimeout: 5 * time.Minute, TouchInterval: 30 * time.Second,
		PresenceLimit: 15 * time.Minute, AwakeLimit: 12 * time.Hour,
	}
	if diff := cmp.Diff(want, defaults); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	set := Clocks{TTL: time.Hour, IdleTimeout: time.Second, TouchInterval: 2, PresenceLimit: time.Minute, AwakeLimit: 5, EndOnIdle: true}
	if diff := cmp.Diff(set, set.WithDefaults()); diff != "" {
		t.Errorf("WithDefaults changes what is set:\n%s", diff)
	}
}

func TestClocksValidate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Clocks)
		want   []string
	}{
		"defaults":            {func(*Clocks) {}, nil},
		"idle as long":        {func(c *Clocks) { c.IdleTimeout, c.PresenceLimit = c.TTL, c.TTL }, []string{"idle_timeout"}},
		"touch too long":      {func(c *Clocks) { c.TouchInterval = c.TTL/2 + 1 }, []string{"touch_interval"}},
		"presence short":      {func(c *Clocks) { c.PresenceLimit = c.IdleTimeout - 1 }, []string{"presence_limit"}},
		"awake short":         {func(c *Clocks) { c.AwakeLimit = c.IdleTimeout - 1 }, []string{"awake_limit"}},
		"negative":            {func(c *Clocks) { c.TouchInterval = -1 }, []string{"touch_interval"}},
		"negative for a pool": {func(c *Clocks) { c.Pools = map[string]time.Duration{"hermes": -1, "quick": 1, "never": 0} }, []string{"pools.hermes"}},
		"everything at once": {func(c *Clocks) {
			*c = Clocks{TTL: -5, IdleTimeout: -4, TouchInterval: -3, PresenceLimit: -6, AwakeLimit: -7}
		}, []string{
			"ttl", "idle_timeout", "touch_interval", "presence_limit", "awake_limit", "idle_timeout", "presence_limit", "awake_limit",
		}},
	} {
		c := defaults
		test.change(&c)
		err := c.Validate()
		var fields []string
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				fields = append(fields, strings.Fields(line)[0])
			}
			if _, ok := errors.AsType[*InvalidError](err); !ok {
				t.Errorf("%s: %T is no *InvalidError", name, err)
			}
		}
		if strings.Join(fields, " ") != strings.Join(test.want, " ") {
			t.Errorf("%s: Validate complains about %v, want %v", name, fields, test.want)
		}
	}
}

func TestCounts(t *testing.T) {
	for _, test := range []struct {
		kind  ActivityKind
		after time.Duration
		want  bool
	}{
		{Navigation, 24 * time.Hour, true},
		{Management, 24 * time.Hour, true},
		{HMRUpdate, 24 * time.Hour, true},
		{Request, 15 * time.Minute, true},
		{Request, 15*time.Minute + 1, false},
		{SocketData, 15 * time.Minute, true},
		{SocketData, 15*time.Minute + 1, false},
		{Presence, 15 * time.Minute, true},
		{Presence, 15*time.Minute + 1, false},
	} {
		if got := defaults.Counts(Activity{At: after(test.after), Kind: test.kind}, epoch); got != test.want {
			t.Errorf("Counts(%s, %s after the last human sign) = %t, want %t", test.kind, test.after, got, test.want)
		}
	}
	if defaults.Counts(Activity{At: epoch, Kind: Request}, time.Time{}) {
		t.Error("traffic counts though there never was a human sign")
	}
}

func TestSleepAt(t *testing.T) {
	const minute = time.Minute
	for name, test := range map[string]struct {
		change  func(*Session)
		present bool
		want    time.Duration
	}{
		"idle timeout after a visit":       {func(*Session) {}, false, 5 * minute},
		"a socket is open":                 {func(*Session) {}, true, 15 * minute},
		"traffic":                          {last(10*minute, Request), false, 15 * minute},
		"traffic at the end of presence":   {last(15*minute, SocketData), false, 20 * minute},
		"the same, and a socket is open":   {last(15*minute, SocketData), true, 20 * minute},
		"presence elsewhere":               {last(5*minute, Presence), false, 10 * minute},
		"presence elsewhere, at its limit": {last(14*minute, Presence), false, 15 * minute},
		"just woken":                       {func(s *Session) { s.AwakeSince = after(30 * minute) }, false, 35 * minute},
		"awake limit": {func(s *Session) {
			s.LastVisit, s.LastHuman = after(-12*time.Hour), epoch
		}, false, 0},
		"awake limit holds with a socket":      {func(s *Session) { s.LastVisit = after(-12*time.Hour + minute) }, true, minute},
		"awake limit counts from the wake too": {func(s *Session) { s.LastVisit, s.AwakeSince = after(-48*time.Hour), after(-10*time.Hour) }, true, 15 * minute},
	} {
		s := awakeOne()
		s.AwakeSince = after(-24 * time.Hour)
		test.change(&s)
		if got := defaults.SleepAt(&s, test.present); !got.Equal(after(test.want)) {
			t.Errorf("%s: SleepAt = %s after the epoch, want %s", name, got.Sub(epoch), test.want)
		}
	}
}

func last(d time.Duration, kind ActivityKind) func(*Session) {
	return func(s *Session) {
		s.LastActivity = Activity{At: after(d), Kind: kind}
		if kind.Human() {
			s.LastHuman = after(d)
		}
	}
}

func TestDecide(t *testing.T) {
	ending := defaults
	ending.EndOnIdle = true
	for name, test := range map[string]struct {
		clocks  Clocks
		status  Status
		present bool
		at      time.Duration
		want    Verdict
	}{
		"in use":                    {defaults, Active, false, 5*time.Minute - 1, Keep},
		"idle":                      {defaults, Active, false, 5 * time.Minute, GoToSleep},
		"idle, ends":                {ending, Active, false, 5 * time.Minute, GoToEnd},
		"idle while it starts":      {defaults, Initializing, false, 5 * time.Minute, GoToSleep},
		"present":                   {defaults, Active, true, 15*time.Minute - 1, Keep},
		"present for too long":      {defaults, Active, true, 15 * time.Minute, GoToSleep},
		"asleep":                    {defaults, Inactive, false, 29 * time.Minute, Keep},
		"asleep, and it ends idle":  {ending, Inactive, false, 29 * time.Minute, Keep},
		"failed":                    {defaults, Error, false, 29 * time.Minute, Keep},
		"asleep until the TTL":      {defaults, Inactive, false, 30 * time.Minute, GoToExpire},
		"failed until the TTL":      {defaults, Error, false, 30 * time.Minute, GoToExpire},
		"present, but its TTL over": {defaults, Active, true, 30 * time.Minute, GoToExpire},
		"draining":                  {defaults, Draining, false, time.Hour, Keep},
		"expired":                   {defaults, Expired, false, time.Hour, Keep},
	} {
		s := awakeOne()
		s.Status = test.status
		if got := test.clocks.Decide(&s, test.present, after(test.at)); got != test.want {
			t.Errorf("%s: Decide = %d, want %d", name, got, test.want)
		}
	}
}

// TestSkew has a session judged by a clock that is fast by the whole skew: by
// its own it may go, by the one that stamped the record not yet.
func TestSkew(t *testing.T) {
	begun := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	c := Clocks{Skew: 5 * time.Second}.WithDefaults()
	s := Session{Status: Active, LastActivity: Activity{At: begun, Kind: Navigation}, LastHuman: begun, LastVisit: begun, ExpiresAt: begun.Add(c.TTL)}
	for _, test := range []struct {
		after time.Duration
		want  Verdict
		over  bool
	}{
		{c.IdleTimeout, Keep, false},
		{c.IdleTimeout + c.Skew - 1, Keep, false},
		{c.IdleTimeout + c.Skew, GoToSleep, false},
		{c.TTL + c.Skew - 1, GoToSleep, false},
		{c.TTL + c.Skew, GoToExpire, true},
	} {
		now := begun.Add(test.after)
		if got := c.Decide(&s, false, now); got != test.want {
			t.Errorf("Decide after %s = %v, want %v", test.after, got, test.want)
		}
		if got := c.Over(&s, now); got != test.over {
			t.Errorf("Over after %s = %v, want %v", test.after, got, test.over)
		}
		expire := ExpireChange(now).Tolerating(c.Skew)
		if got := expire.Check(&s) == nil; got != test.over {
			t.Errorf("after %s the session may be expired: %v, want %v", test.after, got, test.over)
		}
		extend := ExtendChange(s.LastActivity, begun, begun, c.TTL, now).Tolerating(c.Skew)
		if got := extend.Check(&s) == nil; got == test.over {
			t.Errorf("after %s the session may be extended: %v, want %v", test.after, got, !test.over)
		}
	}
}

// TestPoolClocks: a pool's own record goes by the pool's idle timeout, whatever
// the sessions' clocks say, and stays awake without one.
func TestPoolClocks(t *testing.T) {
	begun := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	c := Clocks{EndOnIdle: true, Pools: map[string]time.Duration{"quick": time.Minute, "slow": 48 * time.Hour}}.WithDefaults()
	for _, test := range []struct {
		id    ID
		after time.Duration
		want  Verdict
	}{
		{PoolID("quick"), time.Minute - 1, Keep},
		{PoolID("quick"), time.Minute, GoToSleep},
		{PoolID("slow"), 48*time.Hour - 1, Keep},
		{PoolID("slow"), 48 * time.Hour, GoToSleep},
		{PoolID("never"), 10 * 365 * 24 * time.Hour, Keep},
		{"quick", time.Minute, Keep},
		{"quick", 5 * time.Minute, GoToEnd},
	} {
		s := NewPoolRecord("x", begun)
		s.Status, s.LastActivity = Active, Activity{At: begun, Kind: Call}
		if got := c.Of(test.id).Decide(&s, false, begun.Add(test.after)); got != test.want {
			t.Errorf("%s after %s: %v, want %v", test.id, test.after, got, test.want)
		}
	}
	if !c.Of(PoolID("quick")).Counts(Activity{At: begun.Add(time.Hour), Kind: Call}, begun) {
		t.Error("a call long after the last one does not count")
	}
}
