package scaler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

// meter tells the CPU utilisation of tasks that share a load, which a test sets in
// percent of one task; it is unknown at first.
type meter struct {
	fake  *drivertest.Fake
	load  atomic.Int64
	fails atomic.Bool
	reads atomic.Int64
}

func (m *meter) read(_ context.Context, group scaler.TaskSpec) (float64, bool, error) {
	m.reads.Add(1)
	if m.fails.Load() {
		return 99, true, errors.New("access denied")
	}
	if group.Pool != "edit" || group.Key != "acme" || group.ClientID != "acme" || group.SessionID != "" {
		return 99, true, nil
	}
	load := float64(m.load.Load())
	return load / float64(len(m.fake.Alive())), load > 0, nil
}

// metered is a pool of at most four tasks whose CPU utilisation counts above 40 %.
func metered(m *meter) func(*settings) {
	return func(set *settings) {
		m.fake = set.fake
		set.pool.Key, set.pool.Maximum = "{client}", 4
		set.pool.CPU, set.pool.CPUAbove = m.read, 40
		set.pool.Cooldown = 90 * time.Second
		script(drivertest.Script{ListensAfter: 30 * time.Second})(set)
	}
}

// use keeps the session in use for the time.
func (w *world) use(l *session.Live, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		l.Touch(visit().Activity)
		if err := (extender{w.store}).Flush(w.t.Context(), l); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(min(time.Minute, time.Until(end)))
	}
}

func TestLoadAddsTasksOneByOne(t *testing.T) {
	m := &meter{}
	inBubble(t, metered(m), func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		m.load.Store(39)
		w.use(l, 10*time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)

		m.load.Store(400)
		w.use(l, 20*time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 4, 4)
		started := w.fake.StartedAt()
		for i := 2; i < len(started); i++ {
			if gap := started[i].Sub(started[i-1]); gap < 2*time.Minute || gap > 4*time.Minute {
				t.Errorf("task %d was started %v after the one before, want a start, a cooldown and a reading", i, gap)
			}
		}

		m.load.Store(100) // 33 % for each of three, 50 % of two
		w.use(l, 10*time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 4, 3)
		m.load.Store(1)
		w.use(l, 10*time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 4, 1) // what the session needs
	})
}

func TestUnknownLoadChangesNothing(t *testing.T) {
	m := &meter{}
	inBubble(t, metered(m), func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		w.use(l, 10*time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 1, 1)
		m.load.Store(70)
		w.use(l, 3*time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 2, 2)
		m.fails.Store(true)
		w.use(l, 10*time.Minute)
		m.fails.Store(false)
		m.load.Store(0)
		w.use(l, 10*time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 2, 2)
	})
}

func TestLoadOfNobodyIsNone(t *testing.T) {
	m := &meter{}
	inBubble(t, metered(m), func(t *testing.T, w *world) {
		l := w.create("s1")
		w.warm(l)
		m.load.Store(70)
		w.use(l, 3*time.Minute)
		w.expect(l, session.PhaseReady, session.Active, 2, 2)
		time.Sleep(10 * time.Minute)
		w.expect(l, session.PhaseAsleep, session.Inactive, 2, 0)
		reads := m.reads.Load()
		time.Sleep(10 * time.Minute)
		if n := m.reads.Load() - reads; n != 0 {
			t.Errorf("the load was read %d times while all sleep", n)
		}
		w.warm(l)
		w.use(l, 30*time.Second)
		w.expect(l, session.PhaseReady, session.Active, 3, 1) // what was asked for is forgotten
	})
}

// leader is a lease that one replica holds, until it is given up.
type leader struct{ held atomic.Bool }

func (l *leader) Held() bool { return l.held.Load() }

// TestOneReplicaReadsTheLoad: the next one takes over what the one before it has
// begun.
func TestOneReplicaReadsTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var meters [2]meter
		var leads [2]leader
		a := newWorld(t, func(set *settings) { metered(&meters[0])(set); set.polled, set.Lease = true, &leads[0] })
		b := newWorld(t, func(set *settings) {
			set.store, set.fake = a.store, a.fake
			metered(&meters[1])(set)
			set.polled, set.Lease = true, &leads[1]
		})
		a.begin()
		b.begin()
		leads[0].held.Store(true)
		meters[0].load.Store(70)
		meters[1].load.Store(70)
		l := a.create("s1")
		a.warm(l)
		a.use(l, 5*time.Minute)
		a.expect(l, session.PhaseReady, session.Active, 2, 2)
		if n := meters[1].reads.Load(); n != 0 {
			t.Errorf("the replica without the lease has read the load %d times", n)
		}
		leads[0].held.Store(false)
		leads[1].held.Store(true)
		reads := meters[0].reads.Load()
		a.use(l, 15*time.Minute)
		a.expect(l, session.PhaseReady, session.Active, 2, 2)
		if n := meters[0].reads.Load() - reads; n != 0 || meters[1].reads.Load() == 0 {
			t.Errorf("the load was read %d times without and %d times with the lease", n, meters[1].reads.Load())
		}
		a.fake.Outlive(true)
		a.stop()
		a.fake.Outlive(false)
		b.stop()
	})
}
