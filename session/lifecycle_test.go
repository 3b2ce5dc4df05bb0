package session

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return epoch.Add(d) }

// awakeOne returns an active session, used at the epoch, of start 3.
func awakeOne() Session {
	return Session{
		ID: "a", ClientID: "acme", Status: Active, Pool: "edit", Generation: 3,
		Target:    Target{TaskID: "task", Addr: "127.0.0.1:4321"},
		CreatedAt: after(-time.Hour), ExpiresAt: after(30 * time.Minute),
		LastActivity: Activity{At: epoch, Kind: Navigation}, LastHuman: epoch, LastVisit: epoch, AwakeSince: after(-time.Hour),
	}
}

func TestTransition(t *testing.T) {
	legal := map[Status][]Status{
		Initializing: {Active, Error, Inactive, Draining, Expired},
		Active:       {Inactive, Draining, Expired},
		Inactive:     {Initializing, Active, Draining, Expired},
		Error:        {Initializing, Draining, Expired},
		Draining:     {Expired},
		Expired:      nil,
	}
	for _, from := range Statuses() {
		for _, to := range Statuses() {
			if got, want := Transition(from, to), slices.Contains(legal[from], to); got != want {
				t.Errorf("Transition(%s, %s) = %t, want %t", from, to, got, want)
			}
		}
	}
	if Transition("", Active) || Transition(Active, "") {
		t.Error("a transition from or to no status is legal")
	}
}

func TestStatus(t *testing.T) {
	for _, s := range Statuses() {
		if !s.Valid() {
			t.Errorf("%s is not valid", s)
		}
		if got, want := s.Ended(), s == Draining || s == Expired; got != want {
			t.Errorf("%s.Ended() = %t, want %t", s, got, want)
		}
		if got, want := s.Awake(), s == Initializing || s == Active; got != want {
			t.Errorf("%s.Awake() = %t, want %t", s, got, want)
		}
	}
	if Status("warming").Valid() || Status("").Valid() {
		t.Error("an unknown status is valid")
	}
}

// TestChanges has every constructor against every status.
func TestChanges(t *testing.T) {
	visit := Wake{Activity: Activity{At: after(time.Minute), Kind: Navigation}}
	target := Target{TaskID: "new", Addr: "127.0.0.1:1"}
	for name, test := range map[string]struct {
		change Change
		// to has the status afterwards, by the one before; ErrExpired for those
		// that have ended and ErrConflict for others that are not named.
		to map[Status]Status
		// generation and target afterwards.
		generation int64
		target     string
	}{
		"wake":   {WakeChange(3, visit, time.Hour), map[Status]Status{Inactive: Initializing, Error: Initializing}, 4, ""},
		"resume": {ResumeChange(3, visit, time.Hour), map[Status]Status{Inactive: Active}, 3, "task"},
		"ready":  {ReadyChange(3, target, time.Time{}), map[Status]Status{Initializing: Active}, 3, "new"},
		"fail":   {FailChange(3, "why"), map[Status]Status{Initializing: Error}, 3, ""},
		"sleep":  {SleepChange(3, epoch), map[Status]Status{Initializing: Inactive, Active: Inactive}, 3, "task"},
		"doom":   {DoomChange(3), map[Status]Status{Inactive: Inactive}, 4, ""},
		"lost":   {LostChange(3), map[Status]Status{Initializing: Inactive, Active: Inactive}, 4, ""},
		"drain": {DrainChange("why"), map[Status]Status{
			Initializing: Draining, Active: Draining, Inactive: Draining, Error: Draining,
		}, 3, "task"},
		"end": {EndChange("why"), map[Status]Status{Draining: Expired}, 3, ""},
		"expire": {ExpireChange(after(30 * time.Minute)), map[Status]Status{
			Initializing: Expired, Active: Expired, Inactive: Expired, Error: Expired, Draining: Expired,
		}, 3, ""},
		"extend": {ExtendChange(visit.Activity, epoch, epoch, time.Hour, epoch), map[Status]Status{
			Initializing: Initializing, Active: Active, Inactive: Inactive, Error: Error,
		}, 3, "task"},
	} {
		for _, from := range Statuses() {
			s := awakeOne()
			s.Status, s.Cause = from, "old"
			got, err := test.change.Apply(s)
			to, fits := test.to[from]
			switch {
			case fits && err != nil:
				t.Errorf("%s of one that is %s = %v", name, from, err)
			case fits && (got.Status != to || got.Generation != test.generation || got.Target.TaskID != test.target):
				t.Errorf("%s of one that is %s = %s, start %d, target %q, want %s, %d, %q",
					name, from, got.Status, got.Generation, got.Target.TaskID, to, test.generation, test.target)
			case !fits && from.Ended() && !errors.Is(err, ErrExpired):
				t.Errorf("%s of one that is %s = %v, want ErrExpired", name, from, err)
			case !fits && !from.Ended() && !errors.Is(err, ErrConflict):
				t.Errorf("%s of one that is %s = %v, want ErrConflict", name, from, err)
			}
		}
	}
}

func TestChangeConditions(t *testing.T) {
	wake := Wake{Activity: Activity{At: after(time.Minute), Kind: Request}, Background: true}
	inactive := func(s *Session) { s.Status = Inactive }
	for name, test := range map[string]struct {
		change  Change
		prepare func(*Session)
		want    error
	}{
		"wake of an older start":          {WakeChange(2, wake, time.Hour), inactive, ErrConflict},
		"wake after the TTL":              {WakeChange(3, Wake{Activity: Activity{At: after(30 * time.Minute)}}, time.Hour), inactive, ErrExpired},
		"wake just before the TTL":        {WakeChange(3, Wake{Activity: Activity{At: after(30*time.Minute - 1)}}, time.Hour), inactive, nil},
		"second wake in the background":   {WakeChange(3, wake, time.Hour), func(s *Session) { s.Status, s.BackgroundWoken = Inactive, true }, ErrConflict},
		"second resume in the backgr.":    {ResumeChange(3, wake, time.Hour), func(s *Session) { s.Status, s.BackgroundWoken = Inactive, true }, ErrConflict},
		"wake of a visitor after that":    {WakeChange(3, Wake{Activity: wake.Activity}, time.Hour), func(s *Session) { s.Status, s.BackgroundWoken = Inactive, true }, nil},
		"ready of an older start":         {ReadyChange(2, Target{TaskID: "t"}, time.Time{}), func(s *Session) { s.Status = Initializing }, ErrConflict},
		"fail of an older start":          {FailChange(2, ""), func(s *Session) { s.Status = Initializing }, ErrConflict},
		"lose an older start's target":    {LostChange(2), nil, ErrConflict},
		"doom of an older start":          {DoomChange(2), inactive, ErrConflict},
		"sleep of one that was used":      {SleepChange(3, after(-time.Nanosecond)), nil, ErrConflict},
		"sleep of one that was not":       {SleepChange(3, epoch), nil, nil},
		"expire of one that was extended": {ExpireChange(after(30*time.Minute - 1)), nil, ErrConflict},
		"extend after the TTL":            {ExtendChange(Activity{At: epoch}, epoch, epoch, time.Hour, after(30*time.Minute)), nil, ErrExpired},
		"an illegal transition":           {Change{Name: "x", To: Error}, nil, ErrConflict},
	} {
		s := awakeOne()
		if test.prepare != nil {
			test.prepare(&s)
		}
		if _, err := test.change.Apply(s); !errors.Is(err, test.want) {
			t.Errorf("%s = %v, want %v", name, err, test.want)
		}
	}
}

func TestWakesOfOneSight(t *testing.T) {
	// Two callers saw the same sleeping session; between their wakes the first
	// start failed. The second wake must not begin another one.
	s := awakeOne()
	s.Status = Inactive
	wake := WakeChange(s.Generation, Wake{Activity: Activity{At: after(time.Minute), Kind: Navigation}}, time.Hour)
	woken, err := wake.Apply(s)
	if err != nil {
		t.Fatal(err)
	}
	failed, err := FailChange(woken.Generation, "why").Apply(woken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wake.Apply(failed); !errors.Is(err, ErrConflict) {
		t.Errorf("the second wake = %v, want ErrConflict", err)
	}
}

func TestBackgroundWoken(t *testing.T) {
	s := awakeOne()
	s.Status = Inactive
	steps := []struct {
		name   string
		change Change
		want   bool
	}{
		{"woken in the background", WakeChange(3, Wake{Activity: Activity{At: after(time.Minute), Kind: Request}, Background: true}, time.Hour), true},
		{"traffic", ExtendChange(Activity{At: after(2 * time.Minute), Kind: Request}, time.Time{}, time.Time{}, time.Hour, epoch), true},
		{"HMR update", ExtendChange(Activity{At: after(3 * time.Minute), Kind: HMRUpdate}, after(3*time.Minute), time.Time{}, time.Hour, epoch), true},
		{"a visit from before the last one, written late", ExtendChange(Activity{At: after(-time.Minute), Kind: Navigation}, time.Time{}, after(-time.Minute), time.Hour, epoch), true},
		{"a visit", ExtendChange(Activity{At: after(4 * time.Minute), Kind: Request}, time.Time{}, after(3*time.Minute), time.Hour, epoch), false},
	}
	for _, step := range steps {
		next, err := step.change.Apply(s)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if s = next; s.BackgroundWoken != step.want {
			t.Errorf("after %s BackgroundWoken = %t, want %t", step.name, s.BackgroundWoken, step.want)
		}
	}
}

func TestCause(t *testing.T) {
	s := awakeOne()
	s.Status = Initializing
	failed, err := FailChange(3, "no such folder").Apply(s)
	if err != nil || failed.Cause != "no such folder" {
		t.Fatalf("fail = %q, %v", failed.Cause, err)
	}
	extended, err := ExtendChange(Activity{At: after(time.Minute), Kind: Navigation}, epoch, epoch, time.Hour, epoch).Apply(failed)
	if err != nil || extended.Cause != failed.Cause {
		t.Errorf("extend makes the cause %q, %v", extended.Cause, err)
	}
	woken, err := WakeChange(3, Wake{Activity: Activity{At: after(time.Minute), Kind: Navigation}}, time.Hour).Apply(extended)
	if err != nil || woken.Cause != "" {
		t.Errorf("wake leaves the cause %q, %v", woken.Cause, err)
	}
}

// TestRandomChanges: whatever is applied in whatever order, no time goes
// backwards, what has ended stays ended, and the record passed in is unchanged.
func TestRandomChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // a test that can be repeated
	for range 50 {
		s := awakeOne()
		for range 60 {
			c := anyChange(r)
			before := s.Clone()
			next, err := c.Apply(s)
			if diff := cmp.Diff(before, s); diff != "" {
				t.Fatalf("Apply(%s) has changed its argument:\n%s", c.Name, diff)
			}
			if err == nil {
				checkStep(t, c, s, next)
				s = next
			}
		}
	}
}

func anyChange(r *rand.Rand) Change {
	instant := func() time.Time { return after(time.Duration(r.Int64N(int64(2 * time.Hour)))) }
	kinds := []ActivityKind{Navigation, Management, HMRUpdate, Request, SocketData, Presence}
	a := Activity{At: instant(), Kind: kinds[r.IntN(len(kinds))]}
	w := Wake{Activity: a, Background: r.IntN(2) == 0}
	generation := r.Int64N(6)
	all := []Change{
		WakeChange(generation, w, 30*time.Minute), WakeChange(0, w, 30*time.Minute), ResumeChange(0, w, 30*time.Minute),
		ReadyChange(generation, Target{TaskID: "t"}, time.Time{}), ReadyChange(0, Target{TaskID: "u"}, time.Time{}), FailChange(0, "why"),
		SleepChange(0, instant()), DoomChange(0), LostChange(generation),
		ExtendChange(a, instant(), instant(), 30*time.Minute, instant()),
		ExtendChange(a, instant(), instant(), 30*time.Minute, epoch),
	}
	if r.IntN(20) == 0 {
		all = []Change{DrainChange("why"), EndChange("why"), ExpireChange(instant())}
	}
	return all[r.IntN(len(all))]
}

func checkStep(t *testing.T, c Change, old, s Session) {
	t.Helper()
	for name, pair := range map[string][2]time.Time{
		"ExpiresAt": {old.ExpiresAt, s.ExpiresAt}, "LastActivity": {old.LastActivity.At, s.LastActivity.At},
		"LastHuman": {old.LastHuman, s.LastHuman}, "LastVisit": {old.LastVisit, s.LastVisit}, "AwakeSince": {old.AwakeSince, s.AwakeSince},
	} {
		if pair[1].Before(pair[0]) {
			t.Errorf("%s moves %s back from %s to %s", c.Name, name, pair[0], pair[1])
		}
	}
	switch {
	case s.Generation < old.Generation:
		t.Errorf("%s moves the generation back from %d to %d", c.Name, old.Generation, s.Generation)
	case old.Status.Ended() && !s.Status.Ended(), old.Status == Expired:
		t.Errorf("%s takes a session from %s to %s", c.Name, old.Status, s.Status)
	case s.Status != old.Status && !Transition(old.Status, s.Status):
		t.Errorf("%s is no legal step from %s to %s", c.Name, old.Status, s.Status)
	case s.Status == Initializing && old.Status != Initializing && (!s.Target.IsZero() || s.Generation == old.Generation):
		t.Errorf("%s begins a start with the old target or the old generation", c.Name)
	}
}
