package storetest

import (
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/webordinary/warmgate/session"
)

type iterator = iter.Seq2[session.Session, error]

func (o Options) testByClient(t *testing.T, st Store) {
	// Clients whose names begin alike must not see each other.
	want := map[session.ClientID][]session.Session{}
	for i, client := range []session.ClientID{"acme", "acme-2", "acm", "acme:", "ACME"} {
		for j := range 3 {
			s := full(numbered(string(rune('a'+i)), j))
			s.ClientID, s.CreatedAt = client, at(time.Duration(j)*time.Second)
			mustCreate(t, st, s)
			want[client] = slices.Insert(want[client], 0, s)
		}
	}
	for client, sessions := range want {
		wantList(t, "ByClient", sessions, func() iterator { return st.ByClient(t.Context(), client) })
		if o.Unordered {
			continue
		}
		got := collect(t, "ByClient", st.ByClient(t.Context(), client))
		if diff := cmp.Diff(sessions, got, equal); diff != "" {
			t.Errorf("ByClient(%s), newest first: -want +got\n%s", client, diff)
		}
	}
	wantList(t, "ByClient of nobody", nil, func() iterator { return st.ByClient(t.Context(), "nobody") })
	// Those that are over are listed too, until they are deleted.
	over := mustUpdate(t, st, "a-000001", session.ExpireChange(at(time.Hour)))
	wantList(t, "ByClient", []session.Session{over}, func() iterator { return only(over.ID, st.ByClient(t.Context(), "acme")) })
}

func testByStatus(t *testing.T, st Store) {
	all := map[session.Status][]session.Session{}
	for i, status := range session.Statuses() {
		for j := range 3 {
			s := full(numbered(string(rune('a'+i)), j))
			s.Status = status
			mustCreate(t, st, s)
			all[status] = append(all[status], s)
		}
	}
	for name, statuses := range map[string][]session.Status{
		"none":  nil,
		"one":   {session.Draining},
		"two":   {session.Active, session.Error},
		"twice": {session.Active, session.Active},
		"all":   session.Statuses(),
	} {
		var want []session.Session
		for _, status := range session.Statuses() {
			if slices.Contains(statuses, status) {
				want = append(want, all[status]...)
			}
		}
		wantList(t, "ByStatus of "+name, want, func() iterator { return st.ByStatus(t.Context(), statuses...) })
	}
}

func (o Options) testListLarge(t *testing.T, st Store) {
	count := o.count(1500)
	var want []session.Session
	for i := range count {
		s := sample(numbered("large", i))
		s.CreatedAt = at(time.Duration(i/3) * time.Second)
		want = append(want, s)
	}
	var wg sync.WaitGroup
	for chunk := range slices.Chunk(want, count/10) {
		wg.Go(func() {
			for _, s := range chunk {
				if err := st.Create(t.Context(), s); err != nil {
					t.Errorf("Create = %v", err)
				}
			}
		})
	}
	wg.Wait()
	wantList(t, "ByClient", want, func() iterator { return st.ByClient(t.Context(), "acme") })
	wantList(t, "ByStatus", want, func() iterator { return st.ByStatus(t.Context(), session.Inactive, session.Error) })
}

// testListStops: a caller who has seen enough ends the iteration, and may use
// the store from within the loop.
func testListStops(t *testing.T, st Store) {
	for i := range 50 {
		mustCreate(t, st, sample(numbered("s", i)))
	}
	for name, list := range map[string]iterator{
		"ByClient": st.ByClient(t.Context(), "acme"),
		"ByStatus": st.ByStatus(t.Context(), session.Inactive),
	} {
		for range 2 { // a list can be read again
			n := 0
			for s, err := range list {
				if err != nil {
					t.Fatalf("%s = %v", name, err)
				}
				mustUpdate(t, st, s.ID, session.Change{Name: "count", NextGeneration: true})
				if n++; n == 3 {
					break
				}
			}
			if n != 3 {
				t.Errorf("%s yielded %d before the break, want 3", name, n)
			}
		}
	}
}

// testListWhileWriting: what is not touched meanwhile is listed exactly once.
func (o Options) testListWhileWriting(t *testing.T, st Store) {
	still := o.count(600)
	want := map[session.ID]int{}
	for i := range still {
		mustCreate(t, st, sample(numbered("still", i)))
		want[numbered("still", i)] = 1
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			id := numbered("s", i) // between the others in the order of ids
			if err := st.Create(t.Context(), sample(id)); err != nil {
				t.Errorf("Create = %v", err)
			}
			if _, err := st.Update(t.Context(), id, session.DrainChange("x")); err != nil {
				t.Errorf("Update = %v", err)
			}
			if err := st.Delete(t.Context(), id); err != nil {
				t.Errorf("Delete = %v", err)
			}
		}
	})
	for range 3 {
		for name, list := range map[string]iterator{
			"ByClient": st.ByClient(t.Context(), "acme"),
			"ByStatus": st.ByStatus(t.Context(), session.Inactive),
		} {
			got := map[session.ID]int{}
			for _, s := range collect(t, name, list) {
				if want[s.ID] > 0 {
					got[s.ID]++
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, how often each was listed: -want +got\n%s", name, diff)
			}
		}
	}
	close(stop)
	wg.Wait()
}

// testListMoving: a session that moves between the wanted statuses while they
// are listed is neither left out nor listed twice.
func (o Options) testListMoving(t *testing.T, st Store) {
	count := o.count(400)
	var ids []session.ID
	for i := range count {
		ids = append(ids, numbered("m", i))
		mustCreate(t, st, sample(ids[i]))
	}
	var got []session.ID
	for s, err := range st.ByStatus(t.Context(), session.Active, session.Inactive, session.Initializing) {
		if err != nil {
			t.Fatalf("ByStatus = %v", err)
		}
		got = append(got, s.ID)
		id := ids[count-len(got)] // from the far end
		c := session.Change{Name: "move", To: session.Initializing}
		if _, err := st.Update(t.Context(), id, c); err != nil && !errors.Is(err, session.ErrConflict) {
			t.Fatalf("Update = %v", err)
		}
	}
	anyOrder := cmpopts.SortSlices(func(a, b session.ID) bool { return a < b })
	if diff := cmp.Diff(ids, got, anyOrder); diff != "" {
		t.Errorf("ByStatus: -want +got\n%s", diff)
	}
}
