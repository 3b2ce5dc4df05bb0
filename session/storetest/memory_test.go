package storetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store { return storetest.NewMemory() })
}

func TestMemoryIntercept(t *testing.T) {
	m := storetest.NewMemory()
	var ops []storetest.Op
	m.Intercept(func(_ context.Context, op storetest.Op, _ string) error {
		ops = append(ops, op)
		return session.ErrUnavailable
	})
	if err := m.Ping(t.Context()); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Ping = %v, want ErrUnavailable", err)
	}
	if _, err := m.Session(t.Context(), "a"); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Session = %v, want ErrUnavailable", err)
	}
	m.Intercept(nil)
	if _, err := m.Session(t.Context(), "a"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Session after the outage = %v, want ErrNotFound", err)
	}
	if len(ops) != 2 || ops[0] != storetest.OpPing || ops[1] != storetest.OpSession {
		t.Errorf("intercepted %v, want ping and session", ops)
	}
}
