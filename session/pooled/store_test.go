package pooled

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// TestSessionsContract: sessions are kept as the wrapped store keeps them.
func TestSessionsContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store {
		inner := storetest.NewMemory()
		return both{New(inner, inner, func() []string { return []string{"hermes"} }), inner}
	})
}

// both is a Store with the records beside it.
type both struct {
	session.Store
	session.Records
}

// TestPoolsContract: pools' own records keep the same contract.
func TestPoolsContract(t *testing.T) {
	// The list of pools is one of a configuration: short.
	storetest.Options{Fewer: true}.Run(t, func(*testing.T) storetest.Store {
		inner := storetest.NewMemory()
		p := &asPools{}
		p.Store = New(nobody{}, inner, p.names)
		return both{p, inner}
	})
}

// asPools has every session that it is given kept as the record of a pool.
type asPools struct {
	*Store
	mu    sync.Mutex
	known []string
}

func (p *asPools) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.known)
}

func pool(s session.Session) session.Session {
	s.ID = session.PoolID(string(s.ID))
	return s
}

func plain(s session.Session) session.Session {
	name, _ := s.ID.Pool()
	s.ID = session.ID(name)
	return s
}

func (p *asPools) Session(ctx context.Context, id session.ID) (session.Session, error) {
	s, err := p.Store.Session(ctx, session.PoolID(string(id)))
	return plain(s), err
}

func (p *asPools) Sessions(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	var mapped []session.ID
	for _, id := range ids {
		mapped = append(mapped, session.PoolID(string(id)))
	}
	found, err := p.Store.Sessions(ctx, mapped)
	for i := range found {
		found[i] = plain(found[i])
	}
	return found, err
}

func (p *asPools) Create(ctx context.Context, s session.Session) error {
	if err := s.Validate(); err != nil { // the wrapper's ids are of another kind
		return err
	}
	p.mu.Lock()
	if !slices.Contains(p.known, string(s.ID)) {
		p.known = append(p.known, string(s.ID))
	}
	p.mu.Unlock()
	return p.Store.Create(ctx, pool(s))
}

func (p *asPools) Update(ctx context.Context, id session.ID, c session.Change) (session.Session, error) {
	s, err := p.Store.Update(ctx, session.PoolID(string(id)), c)
	return plain(s), err
}

func (p *asPools) Delete(ctx context.Context, id session.ID) error {
	return p.Store.Delete(ctx, session.PoolID(string(id)))
}

func (p *asPools) ByStatus(ctx context.Context, statuses ...session.Status) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		for s, err := range p.Store.ByStatus(ctx, statuses...) {
			if err == nil {
				s = plain(s)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// ByClient looks through all: pools belong to no client.
func (p *asPools) ByClient(ctx context.Context, client session.ClientID) iter.Seq2[session.Session, error] {
	return func(yield func(session.Session, error) bool) {
		var all []session.Session
		for s, err := range p.ByStatus(ctx, session.Statuses()...) {
			if err != nil {
				yield(s, err)
				return
			}
			if s.ClientID == client {
				all = append(all, s)
			}
		}
		slices.SortStableFunc(all, func(a, b session.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
		for _, s := range all {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// nobody is a store of sessions that must not be asked for any.
type nobody struct{ session.Store }

func (nobody) ByStatus(context.Context, ...session.Status) iter.Seq2[session.Session, error] {
	return func(func(session.Session, error) bool) {}
}

func (nobody) Sessions(context.Context, []session.ID) ([]session.Session, error) { return nil, nil }

func (nobody) Ping(ctx context.Context) error { return ctx.Err() }

// TestApart: the wrapped store never sees a pool's record, and a list by client
// has none.
func TestApart(t *testing.T) {
	inner := storetest.NewMemory()
	s := New(inner, inner, func() []string { return []string{"hermes", "unused"} })
	rec := session.NewPoolRecord("hermes", time.Now())
	one := session.Session{ID: "demo", ClientID: "acme", Status: session.Inactive, Generation: 1, ExpiresAt: time.Now().Add(time.Hour)}
	for _, n := range []session.Session{rec, one} {
		if err := s.Create(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	ids := func(list iter.Seq2[session.Session, error]) (ids []session.ID) {
		for one, err := range list {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, one.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]session.ID{"demo"}, ids(inner.ByStatus(t.Context(), session.Statuses()...))); diff != "" {
		t.Errorf("the sessions' store has (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]session.ID{rec.ID, "demo"}, ids(s.ByStatus(t.Context(), session.Inactive))); diff != "" {
		t.Errorf("by status (-want +got):\n%s", diff)
	}
	if got := ids(s.ByClient(t.Context(), rec.ClientID)); len(got) > 0 {
		t.Errorf("by client: %v, want none", got)
	}
	found, err := s.Sessions(t.Context(), []session.ID{"demo", rec.ID, "nobody", session.PoolID("unused"), rec.ID})
	if err != nil || len(found) != 2 {
		t.Errorf("Sessions = %v, %v, want the two that exist", found, err)
	}
	if _, err := inner.Session(t.Context(), rec.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("the sessions' store says %v of the pool's record, want ErrNotFound", err)
	}
}
