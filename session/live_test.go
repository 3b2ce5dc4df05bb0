package session

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRegistryCounts(t *testing.T) {
	r := NewRegistry(Clocks{})
	s := awakeOne()
	if _, ok := r.Lookup("a"); ok || r.Len() != 0 {
		t.Error("an empty registry has a session")
	}
	l := r.Acquire(&s)
	again, ok := r.Lookup("a")
	if !ok || again != l || l.ID() != "a" || l.ClientID() != "acme" {
		t.Errorf("Lookup = %v, %t, want the one that is held", again, ok)
	}
	third := l.Retain()
	n := 0
	r.Each(func(each *Live) bool { n++; return each == l })
	for _, hold := range []*Live{l, again, third} {
		if r.Len() != 1 {
			t.Errorf("%d sessions while one is held, want 1", r.Len())
		}
		hold.Release()
	}
	if _, ok := r.Lookup("a"); ok || r.Len() != 0 || n != 1 {
		t.Errorf("after the last release: %d sessions, Each saw %d", r.Len(), n)
	}
	if fresh := r.Acquire(&s); fresh == l {
		t.Error("a Live that was given up is handed out again")
	}
}

func TestRegistryEachStops(t *testing.T) {
	r := NewRegistry(Clocks{})
	for i := range 10 {
		r.Acquire(&Session{ID: ID(fmt.Sprint("s-", i)), ClientID: "acme"})
	}
	n := 0
	r.Each(func(*Live) bool { n++; return n < 3 })
	if n != 3 {
		t.Errorf("Each went on to %d, want 3", n)
	}
	r.Each(func(l *Live) bool { l.Release(); return true }) // its own hold, and ours
	if r.Len() != 0 {
		t.Errorf("%d sessions are held, want none: Each has kept some", r.Len())
	}
}

func TestInitialPhase(t *testing.T) {
	for status, want := range map[Status]Phase{
		Initializing: PhaseAsleep, Active: PhaseAsleep, Inactive: PhaseAsleep, Error: PhaseAsleep, Draining: PhaseEnded, Expired: PhaseEnded,
	} {
		s := awakeOne()
		s.Status = status
		if b, _ := NewRegistry(Clocks{}).Acquire(&s).Backend(); b.Phase != want {
			t.Errorf("one that is %s begins as %s, want %s", status, b.Phase, want)
		}
	}
}

// TestOneLive: however many come and go, whoever holds a session finds the Live
// that it holds, and no other.
func TestOneLive(t *testing.T) {
	r := NewRegistry(Clocks{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 3000 {
				s := Session{ID: ID(fmt.Sprint("s-", (g+i)%3)), ClientID: "acme"}
				l := r.Acquire(&s)
				for range 3 {
					if found, ok := r.Lookup(s.ID); !ok || found != l {
						t.Errorf("Lookup(%s) does not find the one that is held", s.ID)
					} else {
						found.Release()
					}
				}
				l.Release()
			}
		})
	}
	wg.Go(func() {
		for range 200 {
			r.Each(func(l *Live) bool { return l.ID() != "" })
			r.Len()
		}
	})
	wg.Wait()
	if r.Len() != 0 {
		t.Errorf("%d sessions are held at the end, want none", r.Len())
	}
}

// TestEnterExcludes: whoever makes the backend not ready and then finds no
// request under way can be sure that none begins.
func TestEnterExcludes(t *testing.T) {
	s := awakeOne()
	l := NewRegistry(Clocks{}).Acquire(&s)
	var (
		wg      sync.WaitGroup
		stopped atomic.Bool // the target is gone
		end     = make(chan struct{})
		served  atomic.Int64
	)
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				if b, ok := l.Enter(); ok {
					if stopped.Load() || b.Target.TaskID != "task" {
						t.Error("a request is under way though the target is gone")
					}
					served.Add(1)
					l.Leave()
				}
				runtime.Gosched()
			}
		})
	}
	for round := range 200 {
		before := served.Load()
		stopped.Store(false)
		l.SetBackend(Backend{Phase: PhaseReady, Target: Target{TaskID: "task"}, Generation: int64(round)})
		for served.Load() == before { // some get through
			runtime.Gosched()
		}
		l.SetBackend(Backend{Phase: PhaseAsleep})
		for l.Requests().Value() > 0 {
			runtime.Gosched()
		}
		stopped.Store(true)
	}
	close(end)
	wg.Wait()
	if n := l.Requests().Value(); n != 0 {
		t.Errorf("%d requests are counted at the end, want none", n)
	}
}

func TestBackendChanges(t *testing.T) {
	s := awakeOne()
	l := NewRegistry(Clocks{}).Acquire(&s)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { // each waiter sees the end, whatever it misses in between
			for {
				b, changed := l.Backend()
				if b.Phase == PhaseReady {
					return
				}
				<-changed
			}
		})
	}
	for _, p := range []Phase{PhaseAsked, PhaseProvisioning, PhasePulling, PhaseStarting, PhaseChecking, PhaseReady} {
		l.SetBackend(Backend{Phase: p, Log: func() []string { return []string{string(p)} }})
	}
	wg.Wait()
	b, changed := l.Backend()
	if diff := cmp.Diff([]string{"ready"}, b.LogTail()); diff != "" {
		t.Errorf("LogTail: -want +got\n%s", diff)
	}
	select {
	case <-changed:
		t.Error("the channel of the current backend is closed")
	default:
	}
	if (&Backend{}).LogTail() != nil {
		t.Error("a backend without a log has lines")
	}
}

func TestCounters(t *testing.T) {
	s := awakeOne()
	l := NewRegistry(Clocks{}).Acquire(&s)
	for name, test := range map[string]struct {
		counter Counter
		present bool
	}{
		"requests": {l.Requests(), true}, "sockets": {l.Sockets(), true}, "parked": {l.Parked(), false}, "waiters": {l.Waiters(), false},
	} {
		if n := test.counter.Add(2); n != 2 || test.counter.Value() != 2 {
			t.Errorf("%s: Add(2) = %d, Value = %d, want 2", name, n, test.counter.Value())
		}
		if l.Present() != test.present {
			t.Errorf("%s: Present = %t, want %t", name, l.Present(), test.present)
		}
		if n := test.counter.Add(-2); n != 0 {
			t.Errorf("%s: %d in the end, want 0", name, n)
		}
	}
}

func TestTouchAndPending(t *testing.T) {
	s := awakeOne()
	l := NewRegistry(Clocks{}).Acquire(&s)
	if _, ok := l.TakePending(epoch); ok {
		t.Error("there is something to write before any touch")
	}
	if !l.Touch(Activity{At: after(time.Minute), Kind: Request}) {
		t.Error("the first touch is not the first")
	}
	if l.Touch(Activity{At: after(2 * time.Minute), Kind: Navigation}) || l.Touch(Activity{At: after(90 * time.Second), Kind: Request}) {
		t.Error("a further touch is taken for the first")
	}
	want := ExtendChange(Activity{At: after(2 * time.Minute), Kind: Navigation}, after(2*time.Minute), after(2*time.Minute), 30*time.Minute, after(3*time.Minute))
	c, ok := l.TakePending(after(3 * time.Minute))
	if diff := cmp.Diff(want, c); !ok || diff != "" {
		t.Errorf("TakePending = %t: -want +got\n%s", ok, diff)
	}
	if _, ok := l.TakePending(after(3 * time.Minute)); ok {
		t.Error("the same activity is taken twice")
	}
	l.RestorePending()
	if again, ok := l.TakePending(after(3 * time.Minute)); !ok || !cmp.Equal(again, want) {
		t.Errorf("after RestorePending: %v, %t", again, ok)
	}
	if l.Touch(Activity{At: after(2*time.Minute + 15*time.Minute + 1), Kind: Request}) {
		t.Error("a touch that does not count is to be written")
	}
	if !l.Touch(Activity{At: after(time.Minute), Kind: Request}) { // late, but it counts
		t.Error("a touch after the write is not the first again")
	}
	l.DropPending()
	if _, ok := l.TakePending(epoch); ok {
		t.Error("there is something to write after DropPending")
	}
}

// TestPresenceDoesNotShorten: an open socket never makes a session sleep earlier
// than the traffic before it would.
func TestPresenceDoesNotShorten(t *testing.T) {
	s := awakeOne()
	s.AwakeSince = after(-24 * time.Hour)
	l := NewRegistry(Clocks{}).Acquire(&s)
	sleepAt := func() time.Time { o := l.Overlay(s); return defaults.SleepAt(&o, false) }
	l.Touch(Activity{At: after(15*time.Minute - time.Second), Kind: Request})
	before := sleepAt()
	l.Touch(Activity{At: after(15 * time.Minute), Kind: Presence})
	if got := sleepAt(); got.Before(before) {
		t.Errorf("presence moves the time to sleep from %s to %s after the epoch", before.Sub(epoch), got.Sub(epoch))
	}

	l = NewRegistry(Clocks{}).Acquire(&s)
	if !l.Touch(Activity{At: after(6 * time.Minute), Kind: Presence}) {
		t.Error("presence that prolongs is not written")
	}
	if got := sleepAt(); !got.Equal(after(11 * time.Minute)) {
		t.Errorf("with presence at 6 minutes it sleeps at %s, want 11m", got.Sub(epoch))
	}
}

func TestOverlay(t *testing.T) {
	s := awakeOne()
	s.BackgroundWoken = true
	l := NewRegistry(Clocks{}).Acquire(&s)
	if diff := cmp.Diff(s, l.Overlay(s)); diff != "" {
		t.Errorf("Overlay without activity: -want +got\n%s", diff)
	}
	l.Touch(Activity{At: after(10 * time.Minute), Kind: Request})
	got := l.Overlay(s)
	if !got.LastActivity.At.Equal(after(10*time.Minute)) || !got.ExpiresAt.Equal(after(40*time.Minute)) || !got.BackgroundWoken || !got.LastVisit.Equal(epoch) {
		t.Errorf("Overlay after a request = %+v", got)
	}
	l.Touch(Activity{At: after(11 * time.Minute), Kind: Navigation})
	if got = l.Overlay(s); got.BackgroundWoken || !got.LastVisit.Equal(after(11*time.Minute)) || !got.LastHuman.Equal(after(11*time.Minute)) {
		t.Errorf("Overlay after a visit = %+v", got)
	}
	// What the record knows better stays.
	newer := s
	newer.LastActivity = Activity{At: after(20 * time.Minute), Kind: HMRUpdate}
	newer.LastHuman, newer.ExpiresAt = after(20*time.Minute), after(50*time.Minute)
	if got = l.Overlay(newer); got.LastActivity != newer.LastActivity || !got.ExpiresAt.Equal(newer.ExpiresAt) || !got.LastHuman.Equal(newer.LastHuman) {
		t.Errorf("Overlay over a newer record = %+v", got)
	}
	// Neither an end nor a TTL that passed before the activity is undone.
	ended := s
	ended.Status = Draining
	if diff := cmp.Diff(ended, l.Overlay(ended)); diff != "" {
		t.Errorf("Overlay over an ended record: -want +got\n%s", diff)
	}
	short := s
	short.ExpiresAt = after(5 * time.Minute)
	if diff := cmp.Diff(short, l.Overlay(short)); diff != "" {
		t.Errorf("Overlay over one whose TTL passed before: -want +got\n%s", diff)
	}
}

// TestTouchLosesNothing: touches beside takes and failures end up in a write.
func TestTouchLosesNothing(t *testing.T) {
	s := awakeOne()
	l := NewRegistry(Clocks{}).Acquire(&s)
	var (
		touchers sync.WaitGroup
		writer   sync.WaitGroup
		end      = make(chan struct{})
		written  = s
	)
	write := func(fail bool) {
		if c, ok := l.TakePending(epoch); ok && fail {
			l.RestorePending()
		} else if ok {
			next, err := c.Apply(written)
			if err != nil {
				t.Errorf("Apply = %v", err)
			}
			written = next
		}
	}
	writer.Go(func() {
		for i := 0; ; i++ {
			write(i%3 == 0)
			select {
			case <-end:
				return
			default:
			}
		}
	})
	for range 4 {
		touchers.Go(func() {
			for i := range 10_000 {
				l.Touch(Activity{At: after(time.Duration(i) * time.Millisecond), Kind: Navigation})
			}
		})
	}
	touchers.Wait()
	close(end)
	writer.Wait()
	write(false)
	if want := after(9_999 * time.Millisecond); !written.LastActivity.At.Equal(want) || !written.LastVisit.Equal(want) {
		t.Errorf("written is %s, want %s", written.LastActivity.At, want)
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	r := NewRegistry(Clocks{})
	s := awakeOne()
	l := r.Acquire(&s)
	defer l.Release()
	l.SetBackend(Backend{Phase: PhaseReady})
	if n := testing.AllocsPerRun(1000, func() {
		l, _ := r.Lookup("a")
		if _, ok := l.Enter(); ok {
			l.Leave()
		}
		l.Release()
	}); n != 0 {
		t.Errorf("a request's admission makes %v allocations, want 0", n)
	}
	l.Touch(Activity{At: after(time.Second), Kind: Request})
	if n := testing.AllocsPerRun(1000, func() {
		l.Touch(Activity{At: after(2 * time.Second), Kind: Request})
	}); n != 0 {
		t.Errorf("a touch makes %v allocations, want 0", n)
	}
}

func BenchmarkAdmission(b *testing.B) {
	r := NewRegistry(Clocks{})
	s := awakeOne()
	l := r.Acquire(&s)
	defer l.Release()
	l.SetBackend(Backend{Phase: PhaseReady})
	b.ReportAllocs()
	for b.Loop() {
		l, _ := r.Lookup("a")
		if _, ok := l.Enter(); ok {
			l.Leave()
		}
		l.Release()
	}
}
