package storetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/webordinary/warmgate/session"
)

// at returns a time d after a fixed one, in the precision that every store keeps.
func at(d time.Duration) time.Time {
	return time.Date(2026, 3, 29, 0, 59, 59, 987_000_000, time.UTC).Add(d.Truncate(time.Millisecond))
}

// sample returns a valid sleeping session.
func sample(id session.ID) session.Session {
	return session.Session{
		ID: id, ClientID: "acme", UserID: "ann", ThreadID: "t-1",
		Status: session.Inactive, Pool: "edit", Generation: 1,
		CreatedAt: at(0), ExpiresAt: at(30 * time.Minute),
		LastActivity: session.Activity{At: at(0), Kind: session.Management},
		LastHuman:    at(0), LastVisit: at(0),
	}
}

// full returns a session with every field set.
func full(id session.ID) session.Session {
	s := sample(id)
	s.Status, s.Generation, s.Cause = session.Active, 7, "it was \"hard\"\n\tand <late> \u2028"
	s.Target = session.Target{
		TaskID: "arn:aws:ecs:us-west-2:123456789012:task/edit/0123456789abcdef0123456789abcdef",
		Addr:   "[fd00::1]:4321",
		Ports:  map[int]string{8080: "10.0.0.7:8080", 1: "10.0.0.7:1", 65535: "h:65535"},
	}
	s.LastActivity = session.Activity{At: at(time.Minute + time.Millisecond), Kind: session.HMRUpdate}
	s.LastHuman, s.LastVisit = at(time.Minute), at(30*time.Second)
	s.AwakeSince, s.BackgroundWoken = at(20*time.Second), true
	s.Metadata = map[string]any{
		"title": "Ünïcode \U0001F525 \u202e שלום 日本 \x00", "": "empty key", "n": 1.5, "big": 9007199254740991.0,
		"yes": true, "none": nil,
		"list":   []any{"a", 2.0, map[string]any{"deep": []any{}}},
		"object": map[string]any{"Ключ": "значение", "empty": map[string]any{}},
	}
	return s
}

// randomChange returns a change that may or may not fit.
func randomChange(r *rand.Rand) session.Change {
	instant := func() time.Time { return at(time.Duration(r.Int64N(int64(time.Hour)))) }
	generation := 1 + r.Int64N(4)
	kinds := []session.ActivityKind{
		session.Navigation, session.Management, session.HMRUpdate, session.Request, session.SocketData, session.Presence,
	}
	activity := session.Activity{At: instant(), Kind: kinds[r.IntN(len(kinds))]}
	wake := session.Wake{Activity: activity, Background: r.IntN(2) == 0}
	target := session.Target{TaskID: fmt.Sprint("task-", r.IntN(9)), Addr: "127.0.0.1:4321", Ports: map[int]string{r.IntN(9) + 1: "a:1"}}
	changes := []session.Change{
		session.WakeChange(generation, wake, 30*time.Minute),
		session.WakeChange(0, wake, 30*time.Minute),
		session.ResumeChange(generation, wake, 30*time.Minute),
		session.ReadyChange(generation, target, at(time.Hour)),
		session.ReadyChange(0, target, time.Time{}),
		session.FailChange(generation, "it broke"),
		session.SleepChange(generation, instant()),
		session.DoomChange(generation),
		session.LostChange(generation),
		session.ExtendChange(activity, instant(), instant(), 30*time.Minute, instant()),
		session.ExtendChange(activity, time.Time{}, time.Time{}, 30*time.Minute, at(0)),
	}
	if r.IntN(12) == 0 { // an end is for good: seldom
		changes = []session.Change{
			session.DrainChange("asked"), session.IdleEndChange(generation, instant(), "idle"),
			session.EndChange("ended"), session.ExpireChange(instant()), session.ExpireChange(instant()).Tolerating(time.Second),
		}
	}
	return changes[r.IntN(len(changes))]
}
