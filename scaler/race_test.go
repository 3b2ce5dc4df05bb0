package scaler_test

import (
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

var quickStart = drivertest.Script{RunsAfter: 300 * time.Millisecond, ListensAfter: 500 * time.Millisecond}

// Requests come to all replicas just when the session falls asleep.
func TestRaceWakeAgainstSleep(t *testing.T) {
	race(t, func(t *testing.T, seed uint64) {
		c := newCluster(t, seed, setup{script: quickStart, rough: seed%2 == 0, skewed: seed%4 > 1})
		c.create("s1")
		c.warm(c.any(), "s1")
		for range 6 {
			kind := []session.ActivityKind{session.Navigation, session.Request}[c.random.IntN(2)]
			c.later(c.between(8*time.Second, 35*time.Second), c.any(), "s1", kind, c.between(0, 14*time.Second))
		}
		c.run(40*time.Second, "s1")
		c.finish("s1")
	})
}

// A session is ended on one replica while others use it.
func TestRaceEndAgainstTouch(t *testing.T) {
	race(t, func(t *testing.T, seed uint64) {
		c := newCluster(t, seed, setup{script: quickStart, rough: seed%2 == 0, skewed: seed%4 > 1})
		c.create("s1")
		c.warm(c.any(), "s1")
		for range 6 {
			c.later(c.between(0, 20*time.Second), c.any(), "s1", session.Navigation, c.between(0, 5*time.Second))
		}
		c.run(c.between(time.Second, 20*time.Second), "s1")
		c.end(c.any(), "s1")
		c.run(20*time.Second, "s1")
		c.finish("s1")
	})
}

// The first requests of a session come to three replicas at once.
func TestRaceTwoStarts(t *testing.T) {
	race(t, func(t *testing.T, seed uint64) {
		c := newCluster(t, seed, setup{replicas: 3, script: quickStart, skewed: seed%2 == 0})
		c.create("s1")
		for _, r := range c.replicas {
			for range 2 {
				c.later(c.between(0, 100*time.Millisecond), r, "s1", session.Navigation, c.between(0, 5*time.Second))
			}
		}
		c.clients.Wait()
		if n := len(c.fake.Started()); n != 1 || c.refused > 0 {
			c.blame("%d tasks were started, and %d requests refused", n, c.refused)
		}
		c.finish("s1")
	})
}

// Sessions that share tasks wake while the holder of the lease stops the tasks
// that are too many by what it knows, which is out of date.
func TestRaceScaleInAgainstScaleOut(t *testing.T) {
	race(t, func(t *testing.T, seed uint64) {
		c := newCluster(t, seed, setup{
			replicas: 2 + int(seed%4)/3, script: quickStart, rough: seed%4 > 1, skewed: seed%8 > 3,
			pool: scaler.Pool{Name: "edit", Key: "edit", Steps: scaler.Steps{1: 1, 2: 2, 3: 3}, Cooldown: 2 * time.Second},
		})
		ids := []session.ID{"s1", "s2", "s3"}
		for _, id := range ids {
			c.create(id)
			c.warm(c.any(), id)
		}
		for range 10 {
			id := ids[c.random.IntN(len(ids))]
			c.later(c.between(10*time.Second, 45*time.Second), c.any(), id, session.Navigation, c.between(0, 9*time.Second))
		}
		if seed%16 == 0 {
			c.run(c.between(10*time.Second, 40*time.Second), ids...)
			c.replicas[0].sever()
			c.run(c.between(time.Second, 20*time.Second), ids...)
			c.replicas[0].heal()
		}
		c.finish(ids...)
	})
}

// A replica, often the one with the lease, is stopped for a while and goes on.
func TestRacePausedReplica(t *testing.T) {
	race(t, func(t *testing.T, seed uint64) {
		c := newCluster(t, seed, setup{script: quickStart, rough: seed%2 == 0, skewed: seed%4 > 1})
		c.create("s1")
		c.create("s2")
		c.run(5 * time.Second)
		holder := c.replicas[0]
		if c.replicas[1].lease.Held() != (c.random.IntN(4) == 0) {
			holder = c.replicas[1]
		}
		c.warm(c.any(), "s1")
		c.warm(c.any(), "s2")
		for range 8 {
			id := []session.ID{"s1", "s2"}[c.random.IntN(2)]
			c.later(c.between(0, 60*time.Second), c.any(), id, session.Navigation, c.between(0, 9*time.Second))
		}
		c.run(c.between(time.Second, 30*time.Second), "s1", "s2")
		holder.sever()
		c.run(c.between(time.Second, 40*time.Second), "s1", "s2")
		holder.heal()
		c.run(10*time.Second, "s1", "s2")
		c.finish("s1", "s2")
	})
}
