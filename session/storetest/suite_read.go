package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/webordinary/warmgate/session"
)

func testSession(t *testing.T, st Store) {
	if s, err := st.Session(t.Context(), "nobody"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Session(nobody) = %v, %v, want ErrNotFound", s, err)
	}
	mustCreate(t, st, sample("a"), sample("b"))
	wantSession(t, st, sample("a"))
	// A record that is over is still there to be read.
	mustUpdate(t, st, "a", session.ExpireChange(at(time.Hour)))
	if s := mustSession(t, st, "a"); s.Status != session.Expired {
		t.Errorf("Session(a).Status = %s, want expired", s.Status)
	}
}

func testSessions(t *testing.T, st Store) {
	var ids []session.ID
	var want []session.Session
	for i := range 250 { // more than any vendor's page of keys
		id := numbered("s", i)
		ids = append(ids, id, numbered("missing", i))
		want = append(want, full(id))
		mustCreate(t, st, full(id))
	}
	ids = append(ids, ids[0], ids[0]) // twice asked is once answered
	got, err := st.Sessions(t.Context(), ids)
	if err != nil {
		t.Fatalf("Sessions = %v", err)
	}
	anyOrder := cmpopts.SortSlices(func(a, b session.Session) bool { return a.ID < b.ID })
	if diff := cmp.Diff(want, got, equal, anyOrder); diff != "" {
		t.Errorf("Sessions: -want +got\n%s", diff)
	}
	for _, none := range [][]session.ID{nil, {"missing-000000"}} {
		if got, err := st.Sessions(t.Context(), none); err != nil || len(got) != 0 {
			t.Errorf("Sessions(%v) = %v, %v, want none", none, got, err)
		}
	}
}

func testRoundTrip(t *testing.T, st Store) {
	long := sample(session.ID(slices.Repeat([]byte("a"), session.MaxIDLength)))
	long.ClientID = session.ClientID(slices.Repeat([]byte("c"), session.MaxIDLength))
	odd := sample("Z9-._~#@:")
	odd.ClientID = "9-._~#@:"
	bare := session.Session{
		ID: "bare", ClientID: "acme", Status: session.Inactive, CreatedAt: at(0), ExpiresAt: at(time.Minute),
	}
	for _, want := range []session.Session{full("full"), bare, long, odd} {
		mustCreate(t, st, want)
		wantSession(t, st, want)
	}
	// Metadata and ports survive changes that do not name them.
	want := full("full")
	for _, c := range []session.Change{
		session.SleepChange(7, at(2*time.Minute)),
		session.ResumeChange(7, session.Wake{Activity: session.Activity{At: at(3 * time.Minute), Kind: session.Navigation}}, time.Hour),
	} {
		var err error
		if want, err = c.Apply(want); err != nil {
			t.Fatalf("Apply(%s) = %v", c.Name, err)
		}
		mustUpdate(t, st, "full", c)
	}
	wantSession(t, st, want)
}

func testTimes(t *testing.T, st Store) {
	zone := time.FixedZone("somewhere", -7*3600-1800)
	s := full("zoned")
	s.CreatedAt = s.CreatedAt.In(zone).Add(456_789 * time.Nanosecond)
	s.ExpiresAt = time.Now().Add(time.Hour) // local, with a reading of the monotonic clock
	mustCreate(t, st, s)
	got := mustSession(t, st, "zoned")
	if diff := cmp.Diff(s, got, equal, cmpopts.EquateApproxTime(time.Millisecond)); diff != "" {
		t.Errorf("Session: -want +got\n%s", diff)
	}
	updated := mustUpdate(t, st, "zoned", session.ExtendChange(
		session.Activity{At: time.Now(), Kind: session.Request}, time.Now(), time.Now(), time.Hour, at(0)))
	for name, s := range map[string]session.Session{"Session": got, "Update": updated, "Session after it": mustSession(t, st, "zoned")} {
		for _, instant := range []time.Time{s.CreatedAt, s.ExpiresAt, s.LastActivity.At, s.LastHuman, s.LastVisit, s.AwakeSince} {
			if instant.Location() != time.UTC || instant != instant.Round(0) {
				t.Errorf("%s has the time %v, want UTC without a monotonic reading", name, instant)
			}
		}
	}
	if diff := cmp.Diff(updated, mustSession(t, st, "zoned"), equal); diff != "" {
		t.Errorf("Update's answer and what is stored: -answer +stored\n%s", diff)
	}
}

// testIsolation: what callers do to their copies does not reach the store.
func testIsolation(t *testing.T, st Store) {
	mine := full("mine")
	mustCreate(t, st, mine)
	mine.Metadata["title"] = "changed"
	mine.Metadata["object"].(map[string]any)["Ключ"] = "changed"
	mine.Target.Ports[1] = "changed"
	wantSession(t, st, full("mine"))

	value := []byte("abc")
	if _, err := st.PutRecord(t.Context(), "mine", value, 0); err != nil {
		t.Fatal(err)
	}
	value[0] = 'X'
	for range 2 {
		r, err := st.Record(t.Context(), "mine")
		if err != nil || string(r.Value) != "abc" {
			t.Fatalf("Record = %q, %v, want abc", r.Value, err)
		}
		r.Value[0] = 'Y'
	}
}

func testCancelled(t *testing.T, st Store) {
	mustCreate(t, st, sample("a"))
	if _, err := st.PutRecord(t.Context(), "r", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"Session":   func() error { _, err := st.Session(ctx, "uncached"); return err },
		"Sessions":  func() error { _, err := st.Sessions(ctx, []session.ID{"a"}); return err },
		"Create":    func() error { return st.Create(ctx, sample("b")) },
		"Update":    func() error { _, err := st.Update(ctx, "a", session.DrainChange("x")); return err },
		"Delete":    func() error { return st.Delete(ctx, "a") },
		"Ping":      func() error { return st.Ping(ctx) },
		"Record":    func() error { _, err := st.Record(ctx, "r"); return err },
		"PutRecord": func() error { _, err := st.PutRecord(ctx, "r", nil, 1); return err },
		"ByClient": func() error {
			for _, err := range st.ByClient(ctx, "acme") {
				return err
			}
			return nil
		},
		"ByStatus": func() error {
			for _, err := range st.ByStatus(ctx, session.Inactive) {
				return err
			}
			return nil
		},
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context = %v, want context.Canceled", name, err)
		}
	}
	wantSession(t, st, sample("a"))
	if _, err := st.Session(t.Context(), "b"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Session(b) = %v, want ErrNotFound: its Create was cancelled", err)
	}
}

func testPing(t *testing.T, st Store) {
	if err := st.Ping(t.Context()); err != nil {
		t.Errorf("Ping = %v", err)
	}
}
