package session

import (
	"sync"
	"sync/atomic"
	"time"
)

// Live is what this replica knows of one session beyond its record. All methods
// are safe for concurrent use. Get one from [Registry.Acquire] and give it back
// with [Live.Release]; between the two it stays the only one for its id.
type Live struct {
	id       ID
	client   ClientID
	registry *Registry
	// refs counts holders; -1 once it has left the registry.
	refs atomic.Int64

	requests atomic.Int64
	sockets  atomic.Int64
	parked   atomic.Int64
	waiters  atomic.Int64

	state atomic.Pointer[liveState]

	mu      sync.Mutex
	pending pending
}

// liveState pairs a snapshot with the channel that is closed when it is replaced.
type liveState struct {
	backend Backend
	changed chan struct{}
}

// pending is activity seen here; dirty if it is not written yet.
type pending struct {
	last      Activity
	lastHuman time.Time
	lastVisit time.Time
	dirty     bool
}

// ID returns the session's id.
func (l *Live) ID() ID { return l.id }

// ClientID returns the session's owner.
func (l *Live) ClientID() ClientID { return l.client }

// Release gives l back; the caller must not use it afterwards.
func (l *Live) Release() {
	if l.refs.Add(-1) == 0 {
		l.registry.drop(l)
	}
}

// Retain takes a further hold on l for another holder, who releases it. Only
// for a caller that holds l.
func (l *Live) Retain() *Live {
	l.refs.Add(1)
	return l
}

// Backend returns the current snapshot and a channel that is closed when
// another one takes its place.
func (l *Live) Backend() (b *Backend, changed <-chan struct{}) {
	st := l.state.Load()
	return &st.backend, st.changed
}

// SetBackend replaces the snapshot and wakes everybody who waits for a change.
func (l *Live) SetBackend(b Backend) {
	old := l.state.Swap(&liveState{backend: b, changed: make(chan struct{})})
	close(old.changed)
}

// Observe takes notice of a stored record: a session that was ended and made anew
// under the same id is no longer ended.
func (l *Live) Observe(s *Session) {
	b, _ := l.Backend()
	if b.Phase == PhaseEnded && !s.Status.Ended() && s.Generation > b.Generation {
		l.SetBackend(Backend{Phase: PhaseAsleep, Generation: s.Generation})
	}
}

// Enter admits one request: if the backend is ready it is counted as under way
// until [Live.Leave], and the snapshot says where it goes. Whoever makes the
// backend not ready first and then finds no request under way knows that none
// can begin any more.
func (l *Live) Enter() (*Backend, bool) {
	// Looking first keeps refused requests, however many, out of the count.
	if l.state.Load().backend.Phase != PhaseReady {
		return nil, false
	}
	l.requests.Add(1)
	st := l.state.Load()
	if st.backend.Phase != PhaseReady {
		l.requests.Add(-1)
		return nil, false
	}
	return &st.backend, true
}

// Leave ends a request that [Live.Enter] admitted.
func (l *Live) Leave() { l.requests.Add(-1) }

// Counter counts one kind of use of a session.
type Counter struct{ n *atomic.Int64 }

// Add changes the count by d and returns the new one.
func (c Counter) Add(d int) int { return int(c.n.Add(int64(d))) }

// Value returns the count.
func (c Counter) Value() int { return int(c.n.Load()) }

// Requests counts the admitted requests under way, sockets not among them.
func (l *Live) Requests() Counter { return Counter{&l.requests} }

// Sockets counts the open sockets that reach the target.
func (l *Live) Sockets() Counter { return Counter{&l.sockets} }

// Parked counts the sockets kept open and silent while the session sleeps.
func (l *Live) Parked() Counter { return Counter{&l.parked} }

// Waiters counts the held requests: they are demand.
func (l *Live) Waiters() Counter { return Counter{&l.waiters} }

// Present reports whether a request or socket reaches the target now.
func (l *Live) Present() bool { return l.requests.Load() > 0 || l.sockets.Load() > 0 }

// Touch records an activity if it counts. It reports whether there was nothing
// unwritten before, so that the caller knows to have it written.
func (l *Live) Touch(a Activity) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.pending
	if c := l.registry.clocks.Of(l.id); !c.Counts(a, p.lastHuman) || a.Kind == Presence && !c.prolongs(a, p.last, p.lastHuman) {
		return false
	}
	if a.At.After(p.last.At) || a.Kind.Human() && !a.At.Before(p.last.At) {
		p.last = a
	}
	if a.Kind.Human() {
		p.lastHuman = latest(p.lastHuman, a.At)
	}
	if a.Kind.Visit() {
		p.lastVisit = latest(p.lastVisit, a.At)
	}
	first = !p.dirty
	p.dirty = true
	return first
}

// TakePending returns the change that writes the activity not written yet, and
// marks it as written. ok is false if there is none.
func (l *Live) TakePending(now time.Time) (c Change, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.pending
	if !p.dirty {
		return Change{}, false
	}
	p.dirty = false
	clocks := l.registry.clocks
	return ExtendChange(p.last, p.lastHuman, p.lastVisit, clocks.TTL, now).Tolerating(clocks.Skew), true
}

// RestorePending marks the activity as not written again, after a write failed.
func (l *Live) RestorePending() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending.dirty = true
}

// DropPending forgets the activity seen here, after the store has said that the
// session is over: otherwise [Live.Overlay] would go on to prolong its life.
func (l *Live) DropPending() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = pending{}
}

// Overlay returns s with the activity that this replica has seen and may not
// have written yet. It learns from s in turn.
func (l *Live) Overlay(s Session) Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.pending
	p.learn(&s)
	if l.registry.clocks.Over(&s, p.last.At) {
		return s
	}
	if p.last.At.After(s.LastActivity.At) {
		s.LastActivity = p.last
		s.ExpiresAt = latest(s.ExpiresAt, p.last.At.Add(l.registry.clocks.TTL))
	}
	s.LastHuman = latest(s.LastHuman, p.lastHuman)
	s.visited(p.lastVisit)
	return s
}

// learn takes over what the record knows and this replica does not.
func (p *pending) learn(s *Session) {
	if s.LastActivity.At.After(p.last.At) {
		p.last = s.LastActivity
	}
	p.lastHuman = latest(p.lastHuman, s.LastHuman)
	p.lastVisit = latest(p.lastVisit, s.LastVisit)
}
