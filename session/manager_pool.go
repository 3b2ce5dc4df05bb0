package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Pool returns the record of a pool that forward rules use, by its [PoolID]; it is
// made if there is none, or one that somebody has ended. Errors as for [Store].
func (m *Manager) Pool(ctx context.Context, id ID) (Session, error) {
	for {
		old, err := m.store.Session(ctx, id)
		if err == nil && !old.Status.Ended() || err != nil && !errors.Is(err, ErrNotFound) {
			return old, err
		}
		name, _ := id.Pool()
		s := NewPoolRecord(name, time.Now())
		s.Generation += old.Generation
		if err := m.store.Create(ctx, s); !errors.Is(err, ErrConflict) {
			return s, err
		}
		if err := ctx.Err(); err != nil {
			return Session{}, err
		}
	}
}

// PoolReport returns a pool's own record with its live state. Asking is no
// activity.
func (m *Manager) PoolReport(ctx context.Context, pool string) (Report, error) {
	s, err := m.Pool(ctx, PoolID(pool))
	if err != nil {
		return Report{}, fmt.Errorf("report on pool %s: %w", pool, err)
	}
	return m.report(s), nil
}

// WakePool starts the pool's task unless it runs or starts already.
func (m *Manager) WakePool(ctx context.Context, pool string) (Report, error) {
	s, err := m.Pool(ctx, PoolID(pool))
	if err != nil {
		return Report{}, fmt.Errorf("wake pool %s: %w", pool, err)
	}
	l := m.registry.Acquire(&s)
	defer l.Release()
	m.extender.Touch(l, Activity{At: time.Now(), Kind: Management})
	if err := m.backends.Wake(ctx, l, Wake{Activity: Activity{At: time.Now(), Kind: Management}}); err != nil {
		return Report{}, fmt.Errorf("wake pool %s: %w", pool, err)
	}
	return m.PoolReport(ctx, pool)
}
