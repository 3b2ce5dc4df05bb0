package cache

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/session"
)

func TestPack(t *testing.T) {
	now := time.Now()
	for _, want := range []session.Session{
		{},
		{
			ID: "id", ClientID: "client", UserID: "user", ThreadID: "thread", Status: session.Active, Pool: "pool",
			Generation: 7, Cause: "cause \x00 ü", Target: session.Target{TaskID: "task", Addr: "addr", Ports: map[int]string{1: "a"}},
			CreatedAt: now, ExpiresAt: now.Add(1), LastActivity: session.Activity{At: now.Add(2), Kind: session.HMRUpdate},
			LastHuman: now.Add(3), LastVisit: now.Add(4), AwakeSince: now.Add(5), BackgroundWoken: true,
			Metadata: map[string]any{"a": "b"},
		},
	} {
		p := pack(&want)
		if diff := cmp.Diff(want, p.unpack()); diff != "" {
			t.Errorf("unpack(pack): -want +got\n%s", diff)
		}
	}
}
