package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/dynamo"
)

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

// foreign is a record as other programs make it, with attributes that Warmgate
// does not know.
func foreign(id string, extra item) item {
	x := item{
		"sessionId": str(id), "userId": str("scott"), "clientId": str("amelia"), "threadId": str("t-1"), "status": str("active"),
		"previewUrl": str("https://edit.amelia.example.com/session/" + id), "editBranch": str("thread-1"), "branch": str("main"),
		"fargateTaskArn": str("arn:aws:ecs:us-west-2:123456789012:task/webordinary-edit-cluster/abc"),
		"containerIp":    str("10.0.1.9"), "containerId": str("amelia-scott"), "lastCommit": str("4f2a"),
		"requestCount": num(17), "bytesTransferred": num(123456), "isDirty": &types.AttributeValueMemberBOOL{Value: true},
		"metadata": &types.AttributeValueMemberM{Value: item{
			"instruction": str("make it blue"), "n": num(3), "tags": &types.AttributeValueMemberSS{Value: []string{"a"}},
		}},
	}
	maps.Copy(x, extra)
	return x
}

func put(t *testing.T, table string, x item) {
	t.Helper()
	if _, err := client(t).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: x}); err != nil {
		t.Fatal(err)
	}
}

func raw(t *testing.T, table string, x item) item {
	t.Helper()
	key := item{"sessionId": x["sessionId"]}
	if described, err := client(t).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table}); err != nil {
		t.Fatal(err)
	} else if len(described.Table.KeySchema) > 1 {
		key["userId"] = x["userId"]
	}
	out, err := client(t).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

var ignoreSerde = cmpopts.IgnoreUnexported(
	types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberBOOL{},
	types.AttributeValueMemberM{}, types.AttributeValueMemberSS{}, types.AttributeValueMemberL{},
)

// TestCustomerTable: records of every shape that the existing table has are
// served, extended, ended and made anew without a migration, and what others
// keep in them stays.
func TestCustomerTable(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	used, expires := now.Add(-time.Minute), now.Add(10*time.Minute).Truncate(time.Second)
	iso := func(t time.Time) types.AttributeValue { return str(t.Format("2006-01-02T15:04:05.000Z")) }
	shapes := map[string]item{
		"seconds and milliseconds": {"ttl": num(expires.Unix()), "lastActivity": num(used.UnixMilli()), "createdAt": num(used.UnixMilli())},
		"iso times":                {"ttl": num(expires.Unix()), "lastActivity": iso(used), "createdAt": iso(used)},
		"the other design":         {"ttl": num(expires.Unix()), "lastActivityAt": iso(used), "createdAt": iso(used)},
		"ttl in milliseconds":      {"ttl": num(expires.UnixMilli()), "lastActivity": num(used.UnixMilli()), "createdAt": num(used.UnixMilli())},
		"ttl as a text":            {"ttl": str(fmt.Sprint(expires.Unix())), "lastActivity": num(used.UnixMilli()), "createdAt": num(used.UnixMilli())},
		"ttl as an iso text":       {"ttl": iso(expires), "lastActivity": num(used.UnixMilli()), "createdAt": num(used.UnixMilli())},
		"texts of milliseconds":    {"ttl": str(fmt.Sprint(expires.UnixMilli())), "lastActivity": str(fmt.Sprint(used.UnixMilli())), "createdAt": str(fmt.Sprint(used.UnixMilli()))},
	}
	ids := []session.ID{
		"0c9d6a52-3c1f-4c35-9f2f-1d7a5e0a9a11", "session-0c9d6a52-3c1f-4c35-9f2f-1d7a5e0a9a11", "thread-42",
		"amelia#scott#thread-42", "amelia-1712345678.0001", "a", "b",
	}
	for name, adapt := range map[string]func(*dynamodb.CreateTableInput){
		"session id alone":                customerIndexes,
		"session id and user":             both(customerIndexes, withUser),
		"session id and user, no indexes": both(noIndexes, withUser),
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			makeTables(t, o, adapt)
			st := open(t, o)
			i := 0
			for shape, times := range shapes {
				id := ids[i]
				i++
				t.Run(shape, func(t *testing.T) {
					x := foreign(string(id), times)
					put(t, o.Table, x)
					served(t, st, id, used, expires)
					extended(t, st, o, x, now)
					ended(t, st, o, x)
				})
			}
		})
	}
}

// served: the record is read as what it is.
func served(t *testing.T, st *dynamo.Store, id session.ID, used, expires time.Time) {
	t.Helper()
	got, err := st.Session(t.Context(), id)
	if err != nil {
		t.Fatalf("Session = %v", err)
	}
	want := session.Session{
		ID: id, ClientID: "amelia", UserID: "scott", ThreadID: "t-1", Status: session.Active, Generation: 1,
		ExpiresAt: expires, LastActivity: session.Activity{At: used}, LastHuman: used, LastVisit: used,
		Metadata: map[string]any{"instruction": "make it blue", "n": 3.0, "tags": []any{"a"}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(session.Session{}, "CreatedAt")); diff != "" {
		t.Errorf("Session: -want +got\n%s", diff)
	}
	if want := used; !got.CreatedAt.IsZero() && !got.CreatedAt.Equal(want) {
		t.Errorf("CreatedAt = %v, want %v", got.CreatedAt, want)
	}
	if many, err := st.Sessions(t.Context(), []session.ID{id, "missing"}); err != nil || len(many) != 1 {
		t.Errorf("Sessions = %v, %v, want one", many, err)
	}
}

// extended: the first extension takes the record over; nothing of others changes.
func extended(t *testing.T, st *dynamo.Store, o dynamo.Options, x item, now time.Time) {
	t.Helper()
	id := session.ID(x["sessionId"].(*types.AttributeValueMemberS).Value)
	for round := range 2 {
		at := now.Add(time.Duration(round+1) * time.Second)
		a := session.Activity{At: at, Kind: session.Navigation}
		after, err := st.Update(t.Context(), id, session.ExtendChange(a, at, at, 30*time.Minute, at))
		if err != nil {
			t.Fatalf("extension %d = %v", round, err)
		}
		if want := at.Add(30 * time.Minute); !after.ExpiresAt.Equal(want) || after.LastActivity != a {
			t.Errorf("extension %d: TTL %v, activity %v, want %v, %v", round, after.ExpiresAt, after.LastActivity, want, a)
		}
		stored := raw(t, o.Table, x)
		if got, want := stored["ttl"], num(at.Add(30*time.Minute+999*time.Millisecond).Unix()); !cmp.Equal(got, want, ignoreSerde) {
			t.Errorf("extension %d: ttl %v, want %v", round, got, want)
		}
		othersUntouched(t, x, stored, "ttl", "lastActivity", "lastActivityAt")
	}
}

// ended: it can be ended, and a session in its place leaves the rest alone.
func ended(t *testing.T, st *dynamo.Store, o dynamo.Options, x item) {
	t.Helper()
	id := session.ID(x["sessionId"].(*types.AttributeValueMemberS).Value)
	if _, err := st.Update(t.Context(), id, session.DrainChange("asked")); err != nil {
		t.Fatalf("drain = %v", err)
	}
	late := time.Now().Add(time.Hour)
	activity := session.Activity{At: late, Kind: session.Navigation}
	if _, err := st.Update(t.Context(), id, session.ExtendChange(activity, late, late, time.Hour, time.Now())); !errors.Is(err, session.ErrExpired) {
		t.Errorf("extension of an ended session = %v, want ErrExpired", err)
	}
	again := session.Session{
		ID: id, ClientID: "amelia", UserID: "scott", ThreadID: "t-1", Status: session.Inactive, Generation: 2,
		CreatedAt: late, ExpiresAt: late.Add(time.Hour), Metadata: map[string]any{"instruction": "again"},
	}
	if err := st.Create(t.Context(), again); err != nil {
		t.Fatalf("Create = %v", err)
	}
	othersUntouched(t, x, raw(t, o.Table, x), "ttl", "lastActivity", "lastActivityAt", "createdAt", "metadata", "status", "containerIp")
}

// othersUntouched checks that all of x is stored still, some attributes excepted.
func othersUntouched(t *testing.T, x, stored item, except ...string) {
	t.Helper()
	want := maps.Clone(x)
	for _, name := range except {
		delete(want, name)
	}
	got := item{}
	for name := range want {
		got[name] = stored[name]
	}
	if diff := cmp.Diff(want, got, ignoreSerde); diff != "" {
		t.Errorf("attributes of others: -want +got\n%s", diff)
	}
}

// TestForeignWriter: what another program writes between two of our writes holds.
func TestForeignWriter(t *testing.T) {
	o := options(t)
	makeTables(t, o, nil)
	st := open(t, o)
	now := time.Now().UTC().Truncate(time.Millisecond)
	s := session.Session{
		ID: "a", ClientID: "c", Status: session.Active, Generation: 1, CreatedAt: now, ExpiresAt: now.Add(time.Minute),
		LastActivity: session.Activity{At: now, Kind: session.Navigation}, LastHuman: now, LastVisit: now,
	}
	if err := st.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	ttl := now.Add(2 * time.Hour).Truncate(time.Second)
	set(t, o.Table, "a", "ttl", num(ttl.Unix()))
	if got, err := st.Session(t.Context(), "a"); err != nil || !got.ExpiresAt.Equal(ttl) {
		t.Errorf("TTL = %v, %v, want the other program's %v", got.ExpiresAt, err, ttl)
	}
	at := now.Add(time.Second)
	after, err := st.Update(t.Context(), "a", session.ExtendChange(session.Activity{At: at, Kind: session.Request}, now, now, time.Hour, at))
	if err != nil || !after.ExpiresAt.Equal(ttl) || !after.LastActivity.At.Equal(at) {
		t.Errorf("extension by less = %v, %v, %v, want the TTL to stay at %v", after.ExpiresAt, after.LastActivity, err, ttl)
	}
	set(t, o.Table, "a", "status", str("paused")) // a word that is not ours
	if _, err := st.Update(t.Context(), "a", session.DrainChange("x")); !errors.Is(err, session.ErrConflict) {
		t.Errorf("drain of a record with an unknown status = %v, want ErrConflict", err)
	}
	if err := st.Delete(t.Context(), "a"); !errors.Is(err, session.ErrConflict) {
		t.Errorf("Delete of a record with an unknown status = %v, want ErrConflict", err)
	}
}

func set(t *testing.T, table, id, attribute string, v types.AttributeValue) {
	t.Helper()
	_, err := client(t).UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: item{"sessionId": str(id)}, UpdateExpression: aws.String("SET #a = :v"),
		ExpressionAttributeNames: map[string]string{"#a": attribute}, ExpressionAttributeValues: item{":v": v},
	})
	if err != nil {
		t.Fatal(err)
	}
}
