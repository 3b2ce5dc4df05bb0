package session

import "sync"

// Registry hands out the one [Live] of each session that somebody on this
// replica uses. Safe for concurrent use.
type Registry struct {
	clocks Clocks

	mu    sync.RWMutex
	lives map[ID]*Live
}

// NewRegistry returns an empty registry whose sessions follow the given clocks.
func NewRegistry(c Clocks) *Registry {
	return &Registry{clocks: c.WithDefaults(), lives: make(map[ID]*Live)}
}

// Clocks returns the clocks that its sessions follow.
func (r *Registry) Clocks() Clocks { return r.clocks }

// Acquire returns the Live of s, made if there is none; the caller releases it.
func (r *Registry) Acquire(s *Session) *Live {
	if l, ok := r.Lookup(s.ID); ok {
		return l
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.lives[s.ID]; ok && l.retain() {
		return l
	}
	l := &Live{id: s.ID, client: s.ClientID, registry: r}
	l.refs.Store(1)
	l.state.Store(&liveState{backend: Backend{Phase: initialPhase(s)}, changed: make(chan struct{})})
	l.pending.learn(s)
	r.lives[s.ID] = l
	return l
}

// initialPhase is what is known of a session nobody here has dealt with yet.
func initialPhase(s *Session) Phase {
	if s.Status.Ended() {
		return PhaseEnded
	}
	return PhaseAsleep
}

// Lookup returns the Live of the session if somebody uses it; the caller
// releases it.
func (r *Registry) Lookup(id ID) (*Live, bool) {
	r.mu.RLock()
	l := r.lives[id]
	r.mu.RUnlock()
	if l == nil || !l.retain() {
		return nil, false
	}
	return l, true
}

// Has reports whether somebody uses the session.
func (r *Registry) Has(id ID) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.lives[id] != nil
}

// Each calls f for every session in use until f returns false. f must not keep
// the Live without retaining it.
func (r *Registry) Each(f func(*Live) bool) {
	r.mu.RLock()
	all := make([]*Live, 0, len(r.lives))
	for _, l := range r.lives {
		if l.retain() {
			all = append(all, l)
		}
	}
	r.mu.RUnlock()
	goOn := true
	for _, l := range all {
		goOn = goOn && f(l)
		l.Release()
	}
}

// Len returns how many sessions are in use.
func (r *Registry) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.lives)
}

// retain takes a hold unless l has left the registry.
func (l *Live) retain() bool {
	for {
		n := l.refs.Load()
		if n < 0 {
			return false
		}
		if l.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// drop forgets l if nobody has taken it up again.
func (r *Registry) drop(l *Live) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.refs.CompareAndSwap(0, -1) && r.lives[l.id] == l {
		delete(r.lives, l.id)
	}
}
