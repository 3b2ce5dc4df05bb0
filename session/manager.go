package session

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Extender has activity written: soon, coalesced, and never in a request's way.
type Extender interface {
	// Touch records an activity of l and sees to it that it is written. It does
	// not block.
	Touch(l *Live, a Activity)
	// Flush writes what is unwritten of l now.
	Flush(ctx context.Context, l *Live) error
}

// Backends starts and stops what serves sessions.
type Backends interface {
	// Wake sees to it that the session gets a target. It returns once the start
	// is recorded and asked for, or joined, or with why not: ErrExpired,
	// ErrConflict (a background request has no wake left), ErrCapacity,
	// ErrUnavailable. Progress shows in l's Backend.
	Wake(ctx context.Context, l *Live, w Wake) error
	// Release lets go of the target of a session that was ended, closes what is
	// open to it, and completes the end in the store. It does not wait.
	Release(l *Live)
}

// ManagerOptions are what a [Manager] works with; all but Pool are required.
type ManagerOptions struct {
	Store    Store
	Registry *Registry
	Extender Extender
	Backends Backends
	// Pool is the pool of sessions that name none.
	Pool string
}

// Manager has the use cases of sessions. Safe for concurrent use.
type Manager struct {
	store    Store
	registry *Registry
	extender Extender
	backends Backends
	pool     string
}

// NewManager returns a Manager.
func NewManager(o ManagerOptions) *Manager {
	return &Manager{store: o.Store, registry: o.Registry, extender: o.Extender, backends: o.Backends, pool: o.Pool}
}

// Lookup returns the session as the store has it. ErrNotFound if there is none,
// ErrExpired (with the session) if it is over, also by the activity that this
// replica has seen and not written yet.
func (m *Manager) Lookup(ctx context.Context, id ID) (Session, error) {
	s, err := m.store.Session(ctx, id)
	if err != nil {
		return Session{}, err
	}
	now, clocks := time.Now(), m.registry.Clocks()
	if !clocks.Over(&s, now) {
		return s, nil
	}
	if s = m.overlay(s); !clocks.Over(&s, now) {
		return s, nil
	}
	return s, fmt.Errorf("session %s: %w", id, ErrExpired)
}

func (m *Manager) overlay(s Session) Session {
	l, ok := m.registry.Lookup(s.ID)
	if !ok {
		return s
	}
	defer l.Release()
	return l.Overlay(s)
}

// Activation asks for a session. ClientID is required. An empty ID is made up.
type Activation struct {
	ID       ID
	ClientID ClientID
	UserID   string
	ThreadID string
	Pool     string
	Metadata map[string]any
	// Asleep creates the session without waking it: the first visit does.
	Asleep bool
}

// Activate makes the session exist and, unless it is to stay asleep, awake.
// Activating a living session of the same client again is a keepalive that
// wakes; created tells which. ErrConflict if the id belongs to another client.
func (m *Manager) Activate(ctx context.Context, a Activation) (s Session, created bool, err error) {
	if a.ID == "" {
		a.ID = NewID()
	}
	s, created, err = m.findOrCreate(ctx, a)
	if err != nil {
		return Session{}, false, fmt.Errorf("activate %s: %w", a.ID, err)
	}
	l := m.registry.Acquire(&s)
	defer l.Release()
	if !created {
		m.extender.Touch(l, Activity{At: time.Now(), Kind: Management})
	}
	if a.Asleep || s.Status.Awake() {
		return l.Overlay(s), created, nil
	}
	if err := m.backends.Wake(ctx, l, Wake{Activity: Activity{At: time.Now(), Kind: Management}}); err != nil {
		return s, created, fmt.Errorf("wake %s: %w", a.ID, err)
	}
	s, err = m.store.Session(ctx, a.ID)
	return s, created, err
}

// findOrCreate returns the living session with the activation's id, or makes it.
// Whoever loses the race to make it finds the winner's.
func (m *Manager) findOrCreate(ctx context.Context, a Activation) (s Session, created bool, err error) {
	for range 2 {
		old, err := m.Lookup(ctx, a.ID)
		if err == nil || errors.Is(err, ErrExpired) {
			if old.ClientID != a.ClientID {
				return Session{}, false, fmt.Errorf("the id belongs to another client: %w", ErrConflict)
			}
		}
		if err == nil {
			return old, false, nil
		}
		s, err = m.replace(ctx, a, old, err)
		if !errors.Is(err, ErrConflict) {
			return s, err == nil, err
		}
	}
	return Session{}, false, fmt.Errorf("others make and end it at the same time: %w", ErrConflict)
}

// replace makes the session that [Manager.Lookup] did not find, or found to be
// over. ErrConflict if it is there meanwhile.
func (m *Manager) replace(ctx context.Context, a Activation, old Session, lookup error) (Session, error) {
	s := m.newSession(a)
	switch {
	case errors.Is(lookup, ErrNotFound):
	case !errors.Is(lookup, ErrExpired):
		return Session{}, lookup
	default:
		if !old.Status.Ended() {
			expire := ExpireChange(time.Now()).Tolerating(m.registry.Clocks().Skew)
			if _, err := m.store.Update(ctx, a.ID, expire); err != nil && !errors.Is(err, ErrExpired) {
				return Session{}, err
			}
		}
		s.Generation = old.Generation + 1
	}
	return s, m.store.Create(ctx, s)
}

func (m *Manager) newSession(a Activation) Session {
	now := time.Now().UTC().Truncate(time.Millisecond)
	pool := a.Pool
	if pool == "" {
		pool = m.pool
	}
	return Session{
		ID: a.ID, ClientID: a.ClientID, UserID: a.UserID, ThreadID: a.ThreadID, Metadata: a.Metadata,
		Status: Inactive, Pool: pool, Generation: 1, CreatedAt: now,
		ExpiresAt:    now.Add(m.registry.Clocks().TTL),
		LastActivity: Activity{At: now, Kind: Management}, LastHuman: now, LastVisit: now,
	}
}

// Keepalive extends the session's life as a management call and returns it with
// the new TTL, which is stored when Keepalive returns. It does not wake.
func (m *Manager) Keepalive(ctx context.Context, id ID) (Session, error) {
	s, err := m.Lookup(ctx, id)
	if err != nil {
		return Session{}, fmt.Errorf("keepalive %s: %w", id, err)
	}
	l := m.registry.Acquire(&s)
	defer l.Release()
	m.extender.Touch(l, Activity{At: time.Now(), Kind: Management})
	if err := m.extender.Flush(ctx, l); err != nil {
		return Session{}, fmt.Errorf("keepalive %s: %w", id, err)
	}
	return l.Overlay(s), nil
}

// End ends the session and lets its task go; ending it twice is no error. cause
// is kept with the record.
func (m *Manager) End(ctx context.Context, id ID, cause string) (Session, error) {
	s, err := m.store.Update(ctx, id, DrainChange(cause))
	if errors.Is(err, ErrExpired) {
		return m.store.Session(ctx, id)
	}
	if err != nil {
		return Session{}, fmt.Errorf("end %s: %w", id, err)
	}
	l := m.registry.Acquire(&s)
	defer l.Release()
	m.backends.Release(l)
	return s, nil
}

// Report is a session with everything this replica can say about it.
type Report struct {
	Session Session
	// Backend is the snapshot; Log its last lines.
	Backend Backend
	Log     []string
	// SleepAt is when it is to sleep if nothing more happens; zero if it is not awake.
	SleepAt time.Time
	// Requests, Sockets, Parked and Waiters count what is open on this replica.
	Requests, Sockets, Parked, Waiters int
}

// Report returns the session, also one that is over, with its live state.
// Asking is no activity.
func (m *Manager) Report(ctx context.Context, id ID) (Report, error) {
	s, err := m.store.Session(ctx, id)
	if err != nil {
		return Report{}, fmt.Errorf("report on %s: %w", id, err)
	}
	return m.report(s), nil
}

func (m *Manager) report(s Session) Report {
	l := m.registry.Acquire(&s)
	defer l.Release()
	b, _ := l.Backend()
	r := Report{
		Session: l.Overlay(s), Backend: *b, Log: b.LogTail(),
		Requests: l.Requests().Value(), Sockets: l.Sockets().Value(),
		Parked: l.Parked().Value(), Waiters: l.Waiters().Value(),
	}
	if c := m.registry.Clocks().Of(s.ID); r.Session.Status.Awake() && !c.StayAwake {
		r.SleepAt = c.SleepAt(&r.Session, l.Present())
	}
	return r
}

// ByClient yields reports on the client's sessions, those that are over not
// among them.
func (m *Manager) ByClient(ctx context.Context, client ClientID) iter.Seq2[Report, error] {
	return m.reports(m.store.ByClient(ctx, client))
}

// All yields reports on all sessions that are not over, pools' own records not
// among them.
func (m *Manager) All(ctx context.Context) iter.Seq2[Report, error] {
	return m.reports(m.store.ByStatus(ctx, Initializing, Active, Inactive, Draining, Error))
}

func (m *Manager) reports(sessions iter.Seq2[Session, error]) iter.Seq2[Report, error] {
	return func(yield func(Report, error) bool) {
		now := time.Now()
		for s, err := range sessions {
			if err != nil {
				yield(Report{}, err)
				return
			}
			if _, pool := s.ID.Pool(); pool {
				continue
			}
			if r := m.report(s); !m.registry.Clocks().Over(&r.Session, now) && !yield(r, nil) {
				return
			}
		}
	}
}
