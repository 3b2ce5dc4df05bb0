package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/session"
)

const racers = 16

// race runs f in several goroutines at once and returns how many had no error;
// every other error must be ErrConflict.
func race(t *testing.T, f func(i int) error) (winners int) {
	t.Helper()
	var (
		wg    sync.WaitGroup
		begin = make(chan struct{})
		won   atomic.Int64
	)
	for i := range racers {
		wg.Go(func() {
			<-begin
			switch err := f(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, session.ErrConflict):
				t.Errorf("racer %d: %v, want ErrConflict or nil", i, err)
			}
		})
	}
	close(begin)
	wg.Wait()
	return int(won.Load())
}

func testCreate(t *testing.T, st Store) {
	mustCreate(t, st, sample("a"))
	other := sample("a")
	other.UserID = "bob"
	for _, status := range []session.Status{session.Inactive, session.Initializing, session.Active} {
		if status != session.Inactive {
			c := session.Change{Name: "test", To: status}
			mustUpdate(t, st, "a", c)
		}
		if err := st.Create(t.Context(), other); !errors.Is(err, session.ErrConflict) {
			t.Errorf("Create over one that is %s = %v, want ErrConflict", status, err)
		}
	}
	if s := mustSession(t, st, "a"); s.UserID != "ann" {
		t.Errorf("a refused Create changed the user to %q", s.UserID)
	}
}

func testCreateInvalid(t *testing.T, st Store) {
	for name, spoil := range map[string]func(*session.Session){
		"no id":          func(s *session.Session) { s.ID = "" },
		"bad id":         func(s *session.Session) { s.ID = "a/b" },
		"no client":      func(s *session.Session) { s.ClientID = "" },
		"bad client":     func(s *session.Session) { s.ClientID = "a b" },
		"no status":      func(s *session.Session) { s.Status = "" },
		"unknown status": func(s *session.Session) { s.Status = "sleepy" },
	} {
		s := sample("bad")
		spoil(&s)
		if _, ok := errors.AsType[*session.InvalidError](st.Create(t.Context(), s)); !ok {
			t.Errorf("Create(%s) is no *InvalidError", name)
		}
	}
	if got := collect(t, "ByClient", st.ByClient(t.Context(), "acme")); len(got) != 0 {
		t.Errorf("refused sessions are listed: %v", got)
	}
}

func testCreateReplacesEnded(t *testing.T, st Store) {
	for _, end := range []session.Change{session.DrainChange("asked"), session.ExpireChange(at(time.Hour))} {
		id := session.ID(end.Name)
		mustCreate(t, st, full(id))
		mustUpdate(t, st, id, end)
		next := sample(id)
		next.CreatedAt, next.ExpiresAt, next.Generation = at(time.Hour), at(2*time.Hour), 8
		next.Metadata = map[string]any{"new": true}
		mustCreate(t, st, next)
		wantSession(t, st, next) // nothing of the old one is left, in no list either
		wantList(t, "ByClient", []session.Session{next}, func() iterator { return only(id, st.ByClient(t.Context(), "acme")) })
	}
}

func testCreateRace(t *testing.T, st Store) {
	for round := range 20 {
		id := numbered("race", round)
		if round%2 == 1 { // the second half fights over an ended record
			mustCreate(t, st, sample(id))
			mustUpdate(t, st, id, session.ExpireChange(at(time.Hour)))
		}
		if n := race(t, func(i int) error {
			s := sample(id)
			s.UserID = fmt.Sprint("user-", i)
			return st.Create(t.Context(), s)
		}); n != 1 {
			t.Errorf("round %d: %d of %d Creates succeeded, want 1", round, n, racers)
		}
	}
}

func testUpdate(t *testing.T, st Store) {
	mustCreate(t, st, sample("a"))
	wake := session.Wake{Activity: session.Activity{At: at(time.Minute), Kind: session.Request}, Background: true}
	target := full("x").Target
	want := sample("a")
	for _, c := range []session.Change{
		session.WakeChange(1, wake, 30*time.Minute),
		session.FailChange(2, "no luck"),
		session.WakeChange(2, session.Wake{Activity: session.Activity{At: at(2 * time.Minute), Kind: session.Navigation}}, 30*time.Minute),
		session.ReadyChange(3, target, at(time.Hour)),
		session.ExtendChange(session.Activity{At: at(3 * time.Minute), Kind: session.SocketData}, at(150*time.Second), at(0), 30*time.Minute, at(3*time.Minute)),
		session.SleepChange(3, at(4*time.Minute)),
		session.DoomChange(3),
		session.DrainChange("asked"),
		session.EndChange("done"),
	} {
		var err error
		if want, err = c.Apply(want); err != nil {
			t.Fatalf("Apply(%s) = %v", c.Name, err)
		}
		if diff := cmp.Diff(want, mustUpdate(t, st, "a", c), equal); diff != "" {
			t.Errorf("Update(%s): -want +got\n%s", c.Name, diff)
		}
		wantSession(t, st, want)
	}
}

func testUpdateErrors(t *testing.T, st Store) {
	if _, err := st.Update(t.Context(), "nobody", session.DrainChange("x")); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Update(nobody) = %v, want ErrNotFound", err)
	}
	if _, err := st.Session(t.Context(), "nobody"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Session(nobody) = %v, want ErrNotFound: an update creates nothing", err)
	}
	mustCreate(t, st, sample("a"))
	activity := session.Activity{At: at(time.Hour), Kind: session.Request}
	for name, test := range map[string]struct {
		change session.Change
		want   error
	}{
		"status":     {session.ReadyChange(1, full("x").Target, time.Time{}), session.ErrConflict},
		"generation": {session.DoomChange(9), session.ErrConflict},
		"dead":       {session.ExpireChange(at(0)), session.ErrConflict},
		"alive":      {session.ExtendChange(activity, at(0), at(0), time.Hour, at(time.Hour)), session.ErrExpired},
		"idle":       {session.Change{Name: "idle", IdleSince: at(-time.Second)}, session.ErrConflict},
	} {
		if s, err := st.Update(t.Context(), "a", test.change); !errors.Is(err, test.want) {
			t.Errorf("%s: Update = %v, %v, want %v", name, s, err, test.want)
		}
	}
	wantSession(t, st, sample("a"))
	ended := mustUpdate(t, st, "a", session.DrainChange("asked"))
	if _, err := st.Update(t.Context(), "a", session.DrainChange("again")); !errors.Is(err, session.ErrExpired) {
		t.Errorf("Update of an ended one = %v, want ErrExpired", err)
	}
	wantSession(t, st, ended)
}

// testUpdateEqualsApply: whatever the store makes of a Change, it does what
// Change.Apply does, with the same kind of error.
func (o Options) testUpdateEqualsApply(t *testing.T, st Store) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that can be repeated
	for i := range o.count(60) {
		id := numbered("random", i)
		want := sample(id)
		mustCreate(t, st, want)
		for range 25 {
			c := randomChange(r)
			next, wantErr := c.Apply(want)
			got, err := st.Update(t.Context(), id, c)
			if (err == nil) != (wantErr == nil) ||
				errors.Is(err, session.ErrExpired) != errors.Is(wantErr, session.ErrExpired) ||
				errors.Is(err, session.ErrConflict) != errors.Is(wantErr, session.ErrConflict) {
				t.Fatalf("Update(%+v) on %+v = %v, want %v", c, want, err, wantErr)
			}
			if err != nil {
				continue
			}
			if diff := cmp.Diff(next, got, equal); diff != "" {
				t.Fatalf("Update(%+v) on %+v: -want +got\n%s", c, want, diff)
			}
			want = next
		}
		if diff := cmp.Diff(want, mustSession(t, st, id), equal); diff != "" {
			t.Errorf("Session(%s): -want +got\n%s", id, diff)
		}
	}
}

func testUpdateRace(t *testing.T, st Store) {
	for round := range 20 {
		id := numbered("wake", round)
		mustCreate(t, st, sample(id))
		wake := session.Wake{Activity: session.Activity{At: at(time.Minute), Kind: session.Navigation}}
		if n := race(t, func(int) error {
			_, err := st.Update(t.Context(), id, session.WakeChange(1, wake, 30*time.Minute))
			return err
		}); n != 1 {
			t.Errorf("round %d: %d of %d wakes succeeded, want 1", round, n, racers)
		}
		if s := mustSession(t, st, id); s.Generation != 2 {
			t.Errorf("round %d: generation %d, want 2", round, s.Generation)
		}
	}
}

// testUpdateLosesNothing: concurrent updates of one session that all fit are all applied.
func testUpdateLosesNothing(t *testing.T, st Store) {
	mustCreate(t, st, sample("a"))
	var wg sync.WaitGroup
	const each = 20
	for range racers {
		wg.Go(func() {
			for range each {
				if _, err := st.Update(t.Context(), "a", session.Change{Name: "count", NextGeneration: true}); err != nil {
					t.Errorf("Update = %v", err)
				}
			}
		})
	}
	wg.Wait()
	if s := mustSession(t, st, "a"); s.Generation != 1+racers*each {
		t.Errorf("generation %d, want %d", s.Generation, 1+racers*each)
	}
}

func testEndBeatsExtend(t *testing.T, st Store) {
	for round := range 20 {
		id := numbered("end", round)
		mustCreate(t, st, sample(id))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				a := session.Activity{At: at(time.Duration(i) * time.Second), Kind: session.Navigation}
				_, err := st.Update(t.Context(), id, session.ExtendChange(a, a.At, a.At, time.Hour, a.At))
				if err != nil && !errors.Is(err, session.ErrExpired) {
					t.Errorf("extend = %v, want nil or ErrExpired", err)
				}
			})
		}
		wg.Go(func() {
			if _, err := st.Update(t.Context(), id, session.DrainChange("asked")); err != nil {
				t.Errorf("drain = %v", err)
			}
		})
		wg.Wait()
		if s := mustSession(t, st, id); s.Status != session.Draining {
			t.Errorf("round %d: status %s, want draining", round, s.Status)
		}
	}
}

func testDelete(t *testing.T, st Store) {
	if err := st.Delete(t.Context(), "nobody"); err != nil {
		t.Errorf("Delete(nobody) = %v, want nil", err)
	}
	mustCreate(t, st, sample("a"), sample("b"))
	if err := st.Delete(t.Context(), "a"); !errors.Is(err, session.ErrConflict) {
		t.Errorf("Delete of a living one = %v, want ErrConflict", err)
	}
	wantSession(t, st, sample("a"))
	mustUpdate(t, st, "a", session.ExpireChange(at(time.Hour)))
	for range 2 {
		if err := st.Delete(t.Context(), "a"); err != nil {
			t.Errorf("Delete = %v", err)
		}
	}
	if _, err := st.Session(t.Context(), "a"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Session after Delete = %v, want ErrNotFound", err)
	}
	wantList(t, "ByClient", []session.Session{sample("b")}, func() iterator { return st.ByClient(t.Context(), "acme") })
	wantList(t, "ByStatus", nil, func() iterator { return st.ByStatus(t.Context(), session.Expired) })
	mustCreate(t, st, sample("a"))
	wantSession(t, st, sample("a"))
}
