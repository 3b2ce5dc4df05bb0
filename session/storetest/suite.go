package storetest

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/webordinary/warmgate/session"
)

// Store is what the suite is about: sessions and records.
type Store interface {
	session.Store
	session.Records
}

// Options say what the suite need not ask of a store. The zero value asks for
// everything.
type Options struct {
	// Unordered: the store cannot tell which of a client's sessions is the
	// newest, as its index does not sort by creation.
	Unordered bool
	// Fewer: the store is slow, and has passed the whole suite in another set-up.
	// The tests with hundreds of sessions have a tenth of them.
	Fewer bool
}

// count returns how many sessions a large test has.
func (o Options) count(n int) int {
	if o.Fewer {
		return n / 10
	}
	return n
}

// Run tests that the stores which newStore makes keep the contract of
// [session.Store] and [session.Records]. Each call of newStore returns an empty
// store; it is closed by t.Cleanup.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	t.Helper()
	Options{}.Run(t, newStore)
}

// Run is [Run] for a store that cannot do everything.
func (o Options) Run(t *testing.T, newStore func(t *testing.T) Store) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"Session", testSession},
		{"Sessions", testSessions},
		{"RoundTrip", testRoundTrip},
		{"Times", testTimes},
		{"Isolation", testIsolation},
		{"Create", testCreate},
		{"CreateInvalid", testCreateInvalid},
		{"CreateReplacesEnded", testCreateReplacesEnded},
		{"CreateRace", testCreateRace},
		{"Update", testUpdate},
		{"UpdateErrors", testUpdateErrors},
		{"UpdateEqualsApply", o.testUpdateEqualsApply},
		{"UpdateRace", testUpdateRace},
		{"UpdateLosesNothing", testUpdateLosesNothing},
		{"EndBeatsExtend", testEndBeatsExtend},
		{"Delete", testDelete},
		{"ByClient", o.testByClient},
		{"ByStatus", testByStatus},
		{"ListLarge", o.testListLarge},
		{"ListStops", testListStops},
		{"ListWhileWriting", o.testListWhileWriting},
		{"ListMoving", o.testListMoving},
		{"Cancelled", testCancelled},
		{"Ping", testPing},
		{"Records", testRecords},
		{"RecordsRace", testRecordsRace},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, newStore(t))
		})
	}
}

// equal compares sessions as a caller sees them: an empty map is as good as none.
var equal = cmp.Options{cmpopts.EquateEmpty()}

func mustCreate(t *testing.T, st Store, sessions ...session.Session) {
	t.Helper()
	for _, s := range sessions {
		if err := st.Create(t.Context(), s); err != nil {
			t.Fatalf("Create(%s) = %v", s.ID, err)
		}
	}
}

func mustUpdate(t *testing.T, st Store, id session.ID, c session.Change) session.Session {
	t.Helper()
	s, err := st.Update(t.Context(), id, c)
	if err != nil {
		t.Fatalf("Update(%s, %s) = %v", id, c.Name, err)
	}
	return s
}

func mustSession(t *testing.T, st Store, id session.ID) session.Session {
	t.Helper()
	s, err := st.Session(t.Context(), id)
	if err != nil {
		t.Fatalf("Session(%s) = %v", id, err)
	}
	return s
}

// wantSession checks what is stored, by look-up and in the list of each status.
func wantSession(t *testing.T, st Store, want session.Session) {
	t.Helper()
	if diff := cmp.Diff(want, mustSession(t, st, want.ID), equal); diff != "" {
		t.Errorf("Session(%s): -want +got\n%s", want.ID, diff)
	}
	for _, status := range session.Statuses() {
		var expected []session.Session
		if status == want.Status {
			expected = append(expected, want)
		}
		wantList(t, fmt.Sprintf("ByStatus(%s)", status), expected, func() iter.Seq2[session.Session, error] {
			return only(want.ID, st.ByStatus(t.Context(), status))
		})
	}
}

func only(id session.ID, sessions iter.Seq2[session.Session, error]) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		for s, err := range sessions {
			if (err != nil || s.ID == id) && !yield(s, err) {
				return
			}
		}
	}
}

// wantList polls until list yields what is wanted, in any order: the indexes of
// a store may be behind for a moment. It gives up after ten seconds.
func wantList(t *testing.T, name string, want []session.Session, list func() iter.Seq2[session.Session, error]) {
	t.Helper()
	anyOrder := cmpopts.SortSlices(func(a, b session.Session) bool { return a.ID < b.ID })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		diff := cmp.Diff(want, collect(t, name, list()), equal, anyOrder)
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s: -want +got\n%s", name, diff)
			return
		}
	}
}

// collect returns what a list yields; an error fails the test.
func collect(t *testing.T, name string, list iter.Seq2[session.Session, error]) []session.Session {
	t.Helper()
	var all []session.Session
	for s, err := range list {
		if err != nil {
			t.Fatalf("%s = %v", name, err)
		}
		all = append(all, s)
	}
	return all
}

func numbered(prefix string, i int) session.ID { return session.ID(fmt.Sprintf("%s-%06d", prefix, i)) }
