package scaler_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// inCluster runs f with replicas over links that lose nothing.
func inCluster(t *testing.T, set setup, f func(c *cluster)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if set.script.RunsAfter == 0 {
			set.script = quickStart
		}
		c := newCluster(t, 1, set)
		c.create("s1")
		f(c)
	})
}

// held returns the session's live state on the replica, held to the end.
func (c *cluster) held(r *replica, id session.ID) *session.Live {
	rec, err := c.memory.Session(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	l := r.registry.Acquire(&rec)
	c.t.Cleanup(l.Release)
	return l
}

// within expects the phase after so long at the latest.
func (c *cluster) within(limit time.Duration, l *session.Live, want session.Phase) {
	c.t.Helper()
	begun := time.Now()
	for phase(l) != want {
		if time.Sleep(10 * time.Millisecond); time.Since(begun) > limit {
			c.t.Fatalf("the phase is %s after %s, want %s", phase(l), limit, want)
		}
	}
}

func (c *cluster) status(id session.ID, want session.Status) {
	c.t.Helper()
	if rec, err := c.memory.Session(c.t.Context(), id); err != nil || rec.Status != want {
		c.t.Errorf("session %s is %q (%v), want %s", id, rec.Status, err, want)
	}
}

// Two seconds, with the variation of the interval (one second here) and slow calls.
const followed = 2 * time.Second

func TestFollowReadiness(t *testing.T) {
	inCluster(t, setup{}, func(c *cluster) {
		a, b := c.replicas[0], c.replicas[1]
		watcher := c.held(b, "s1") // a page
		c.warm(a, "s1")
		c.within(followed, watcher, session.PhaseReady)
		if n := len(c.fake.Started()); n != 1 {
			t.Errorf("%d tasks were started, want 1", n)
		}
		c.finish("s1")
	})
}

func TestFollowParked(t *testing.T) {
	inCluster(t, setup{}, func(c *cluster) {
		a, b := c.replicas[0], c.replicas[1]
		parked := c.held(b, "s1")
		parked.Parked().Add(1)
		c.warm(a, "s1")
		c.within(14*time.Second, parked, session.PhaseReady)
		parked.Parked().Add(-1)
		c.finish("s1")
	})
}

func TestFollowEnd(t *testing.T) {
	inCluster(t, setup{}, func(c *cluster) {
		a, b := c.replicas[0], c.replicas[1]
		c.warm(a, "s1")
		c.warm(b, "s1")
		l := c.held(b, "s1")
		l.Sockets().Add(1)
		c.end(a, "s1")
		c.within(followed, l, session.PhaseEnded)
		if c.request(b, "s1", session.Navigation, 0) {
			t.Error("a session that was ended elsewhere is served")
		}
		l.Sockets().Add(-1)
		c.finish("s1")
	})
}

func TestFollowSleep(t *testing.T) {
	inCluster(t, setup{}, func(c *cluster) {
		a, b := c.replicas[0], c.replicas[1]
		c.warm(a, "s1")
		c.warm(b, "s1")
		one, other := c.held(a, "s1"), c.held(b, "s1")
		for phase(one) == session.PhaseReady && phase(other) == session.PhaseReady {
			time.Sleep(10 * time.Millisecond)
		}
		c.status("s1", session.Inactive)
		c.within(followed, one, session.PhaseAsleep)
		c.within(followed, other, session.PhaseAsleep)
		// The task is still there: whoever comes first resumes it, on any replica.
		c.warm(b, "s1")
		c.within(followed, one, session.PhaseReady)
		if n := len(c.fake.Started()); n != 1 {
			t.Errorf("%d tasks were started, want 1", n)
		}
		c.finish("s1")
	})
}

// A request that takes long, or a socket, on one replica holds off the sleep that
// the clocks of another would bring.
func TestLongUseHoldsOffSleep(t *testing.T) {
	t.Parallel()
	for name, count := range map[string]func(*session.Live) session.Counter{
		"socket": (*session.Live).Sockets, "request": (*session.Live).Requests,
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, setup{}, func(c *cluster) {
				a, b := c.replicas[0], c.replicas[1]
				c.warm(a, "s1")
				c.warm(b, "s1")
				l := c.held(b, "s1")
				count(l).Add(1)
				time.Sleep(55 * time.Second) // within the presence limit of a minute
				c.status("s1", session.Active)
				if n := len(c.fake.Stopped()); n != 0 {
					t.Errorf("%d tasks were stopped", n)
				}
				count(l).Add(-1)
				c.finish("s1")
			})
		})
	}
}

// A session that another replica puts to sleep in spite of what is under way
// here is written back, and its task not stopped.
func TestUseResumesSleep(t *testing.T) {
	inCluster(t, setup{}, func(c *cluster) {
		a, b := c.replicas[0], c.replicas[1]
		c.warm(a, "s1")
		c.warm(b, "s1")
		l := c.held(b, "s1")
		l.Requests().Add(1)
		rec, err := c.memory.Session(t.Context(), "s1")
		if err == nil {
			_, err = c.memory.Update(t.Context(), "s1", session.SleepChange(rec.Generation, time.Now()))
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * followed)
		c.status("s1", session.Active)
		time.Sleep(20 * time.Second)
		if n := len(c.fake.Stopped()); n != 0 {
			t.Errorf("%d tasks were stopped", n)
		}
		l.Requests().Add(-1)
		c.finish("s1")
	})
}

// A replica is killed at any step; what it leaves is put right by the other one
// within two minutes.
func TestOrphans(t *testing.T) {
	t.Parallel()
	session1 := scaler.TaskSpec{Pool: "edit", Key: "s1", SessionID: "s1", ClientID: "acme", Base: "/", Token: "edit/s1/s1/2/0"}
	woken := func(c *cluster) session.Session {
		rec, err := c.memory.Update(c.t.Context(), "s1", session.WakeChange(1, visit(), time.Hour))
		if err != nil {
			c.t.Fatal(err)
		}
		return rec
	}
	active := func(c *cluster) session.Session {
		woken(c)
		id, err := c.fake.Start(c.t.Context(), session1)
		if err != nil {
			c.t.Fatal(err)
		}
		target := session.Target{TaskID: id, Addr: id + ".fake:80"}
		rec, err := c.memory.Update(c.t.Context(), "s1", session.ReadyChange(2, target, time.Now()))
		if err != nil {
			c.t.Fatal(err)
		}
		return rec
	}
	apply := func(c *cluster, changes ...session.Change) {
		for _, ch := range changes {
			if _, err := c.memory.Update(c.t.Context(), "s1", ch); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	for name, leave := range map[string]func(c *cluster){
		"woken, no task asked for": func(c *cluster) { woken(c) },
		"task asked for, not recorded": func(c *cluster) {
			woken(c)
			if _, err := c.fake.Start(c.t.Context(), session1); err != nil {
				c.t.Fatal(err)
			}
		},
		"active":                       func(c *cluster) { active(c) },
		"active, and its task is gone": func(c *cluster) { c.fake.Kill(active(c).Target.TaskID, "Spot") },
		"asleep, not doomed":           func(c *cluster) { active(c); apply(c, session.SleepChange(2, time.Now())) },
		"doomed, not stopped": func(c *cluster) {
			active(c)
			apply(c, session.SleepChange(2, time.Now()), session.DoomChange(2))
		},
		"ending, not stopped": func(c *cluster) {
			active(c)
			c.asked["s1"] = true
			apply(c, session.DrainChange("asked"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, setup{}, func(c *cluster) {
				time.Sleep(c.between(0, 10*time.Second))
				leave(c)
				time.Sleep(time.Minute)
				c.finish("s1")
			})
		})
	}
}

// A task that another replica is starting, or has just started, is nobody's only
// by the look of it. The judge of the cluster sees to it that it is not stopped.
func TestNewTasksAreLeftAlone(t *testing.T) {
	slow := drivertest.Script{RunsAfter: 8 * time.Second, ListensAfter: 9 * time.Second}
	inCluster(t, setup{script: slow}, func(c *cluster) {
		time.Sleep(5 * time.Second)
		starter := c.replicas[0]
		if starter.lease.Held() {
			starter = c.replicas[1] // it is the holder who might take it for an orphan
		}
		for range 6 {
			c.warm(starter, "s1")
			time.Sleep(c.between(30*time.Second, time.Minute))
		}
		if n := len(c.fake.Started()); n != 6 {
			t.Errorf("%d tasks were started for 6 wakes", n)
		}
		c.finish("s1")
	})
}

// The first byte of a cold request reaches the driver after one read and one
// write of the store, and after nothing else, however slow that is.
func TestNothingSlowBeforeTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var calls, before []string
		w := newWorld(t, func(set *settings) {
			set.shared, set.polled = true, true
			set.plan = func(int, scaler.TaskSpec) drivertest.Script {
				mu.Lock()
				defer mu.Unlock()
				before = slices.Clone(calls)
				return drivertest.Script{}
			}
		})
		w.begin()
		l := w.create("s1")
		const slow = 20 * time.Second
		w.store.Intercept(func(_ context.Context, op storetest.Op, _ string) error {
			mu.Lock()
			calls = append(calls, string(op))
			mu.Unlock()
			if op != storetest.OpSession && op != storetest.OpUpdate {
				time.Sleep(slow)
			}
			return nil
		})
		begun := time.Now()
		w.wake(l)
		synctest.Wait()
		if started := w.fake.StartedAt(); len(started) != 1 || !started[0].Equal(begun) {
			t.Errorf("the driver was called at %v, want once at %v", started, begun)
		}
		if diff := cmp.Diff([]string{"session", "update"}, before); diff != "" {
			t.Errorf("calls of the store before that of the driver (-want +got):\n%s", diff)
		}
		w.store.Intercept(nil)
		time.Sleep(2 * slow)
		w.stop()
	})
}

// A replica that was stopped in the middle of a start finds that it took too long.
// The session is served by the others, and goes on to be.
func TestStartThatFailedOnOneReplicaOnly(t *testing.T) {
	script := drivertest.Script{RunsAfter: 2 * time.Second}
	inCluster(t, setup{script: script}, func(c *cluster) {
		a, b := c.replicas[0], c.replicas[1]
		c.later(0, b, "s1", session.Navigation, time.Second)
		c.run(time.Second)
		b.sever()
		for range 6 {
			c.request(a, "s1", session.Navigation, 4*time.Second)
		}
		b.heal()
		c.request(b, "s1", session.Navigation, 4*time.Second)
		c.request(a, "s1", session.Navigation, 4*time.Second)
		if n := len(c.fake.Started()); n != 1 {
			t.Errorf("%d tasks were started, want 1", n)
		}
		c.finish("s1")
	})
}
