package dynamo_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/dynamo"
	"github.com/webordinary/warmgate/session/dynamo/dynamotest"
)

// TestCost: in the tables that we make an extension is one call and one write
// unit, and so is every other usual write but for the index that it changes.
func TestCost(t *testing.T) {
	m := dynamotest.NewMeter(t, endpoint(t))
	o := options(t)
	makeTables(t, o, nil)
	o.Endpoint = m.URL
	st := open(t, o)
	now := time.Now()
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	nav := func(seconds int) session.Activity {
		return session.Activity{At: at(seconds), Kind: session.Navigation}
	}
	s := session.Session{
		ID: session.NewID(), ClientID: "acme", UserID: "ann", ThreadID: "t", Status: session.Inactive, Pool: "edit", Generation: 1,
		CreatedAt: now, ExpiresAt: at(600), LastActivity: nav(0), LastHuman: now, LastVisit: now,
	}
	if err := st.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	target := session.Target{
		TaskID: "arn:aws:ecs:us-west-2:123456789012:task/webordinary-edit-cluster/0123456789abcdef0123456789abcdef",
		Addr:   "10.0.1.2:4321", Ports: map[int]string{8080: "10.0.1.2:8080"},
	}
	m.Take()
	for _, step := range []struct {
		change session.Change
		units  float64
	}{
		{session.WakeChange(1, session.Wake{Activity: nav(1)}, 1800*time.Second), 3}, // the status index: one entry goes, one comes
		{session.ReadyChange(2, target, at(2)), 3},
		{session.ExtendChange(nav(31), at(31), at(31), 1800*time.Second, at(31)), 1},
		{session.ExtendChange(session.Activity{At: at(61), Kind: session.Request}, at(31), at(31), 1800*time.Second, at(61)), 1},
		{session.ExtendChange(session.Activity{At: at(91), Kind: session.SocketData}, at(80), at(31), 1800*time.Second, at(91)), 1},
		{session.SleepChange(2, at(400)), 3},
		{session.DoomChange(2), 1},
	} {
		if _, err := st.Update(t.Context(), s.ID, step.change); err != nil {
			t.Fatalf("%s = %v", step.change.Name, err)
		}
		want := dynamotest.Bill{Calls: []string{"UpdateItem"}, Writes: step.units}
		if diff := cmp.Diff(want, m.Take()); diff != "" {
			t.Errorf("%s costs (-want +got):\n%s", step.change.Name, diff)
		}
	}
}

// BenchmarkStore shows what DynamoDB Local takes for the calls of a request's way.
func BenchmarkStore(b *testing.B) {
	for name, adapt := range map[string]func(*dynamodb.CreateTableInput){"id": nil, "id and user": withUser} {
		o := options(b)
		makeTables(b, o, adapt)
		st := open(b, o)
		benchmark(b, name, st)
	}
}

func benchmark(b *testing.B, name string, st *dynamo.Store) {
	now := time.Now()
	s := session.Session{ID: "a", ClientID: "c", UserID: "u", Status: session.Active, Generation: 1, CreatedAt: now, ExpiresAt: now.Add(time.Minute)}
	if err := st.Create(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	b.Run(name+"/look up", func(b *testing.B) {
		for b.Loop() {
			if _, err := st.Session(b.Context(), "a"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(name+"/extend", func(b *testing.B) {
		at := now
		for b.Loop() {
			at = at.Add(time.Second)
			a := session.Activity{At: at, Kind: session.Navigation}
			if _, err := st.Update(b.Context(), "a", session.ExtendChange(a, at, at, time.Hour, now)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
