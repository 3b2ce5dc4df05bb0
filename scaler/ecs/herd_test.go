package ecs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// TestHerd: 200 sessions that wake at once, each with a task of its own. AWS's
// rate is kept, so that nothing is throttled, and all are served, although the
// last one's turn comes after the time that a start may take.
func TestHerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions, startTimeout = 200, 15 * time.Second
		f := fakeECS(t, ecstest.Options{LaunchRate: 20, LaunchBurst: 20, Plan: func(ecstest.Launch) ecstest.Script {
			return ecstest.Script{Provisioning: 2 * time.Second, Pulling: 4 * time.Second, Activating: time.Second}
		}})
		driver, err := NewTaskDriver(taskOptions(direct(f)))
		if err != nil {
			t.Fatal(err)
		}
		store, registry := storetest.NewMemory(), session.NewRegistry(session.Clocks{})
		s, err := scaler.New(scaler.Options{
			Store: store, Records: store, Registry: registry, Extender: noExtender{}, Dial: dialSite,
			MaxTasks: sessions, LaunchRate: 10, Pools: []scaler.Pool{{
				Name: testPool, Key: "{session}", Driver: driver, Maximum: sessions, StartTimeout: startTimeout,
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		running := make(chan error, 1)
		go func() { running <- s.Run(ctx) }()

		began := time.Now()
		served := make(chan error)
		for n := range sessions {
			go func() { served <- visitAndWait(ctx, s, store, registry, session.ID(fmt.Sprintf("s%03d", n))) }()
		}
		for range sessions {
			if err := <-served; err != nil {
				t.Error(err)
			}
		}
		t.Logf("all %d are served after %s", sessions, time.Since(began))
		if took := time.Since(began); took < startTimeout || took > 32*time.Second {
			t.Errorf("that took %s, want 19 s in line and a start of 7 s", took)
		}
		if calls := f.Count("RunTask"); calls != sessions {
			t.Errorf("RunTask was called %d times, want %d: none throttled, none twice", calls, sessions)
		}
		if n := len(f.Running()); n != sessions {
			t.Errorf("%d tasks run, want %d", n, sessions)
		}
		stop()
		if err := <-running; err != nil {
			t.Error(err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// visitAndWait makes a sleeping session, wakes it, and waits until it is served.
func visitAndWait(
	ctx context.Context, s *scaler.Scaler, store session.Store, registry *session.Registry, id session.ID,
) error {
	now := time.Now()
	a := session.Activity{At: now, Kind: session.Navigation}
	rec := session.Session{
		ID: id, ClientID: "acme", Status: session.Inactive, Pool: testPool, Generation: 1,
		CreatedAt: now, ExpiresAt: now.Add(time.Hour), LastActivity: a, LastHuman: now, LastVisit: now,
	}
	if err := store.Create(ctx, rec); err != nil {
		return err
	}
	l := registry.Acquire(&rec)
	defer l.Release()
	if err := s.Wake(ctx, l, session.Wake{Activity: a}); err != nil {
		return err
	}
	for {
		b, changed := l.Backend()
		switch b.Phase {
		case session.PhaseReady:
			return nil
		case session.PhaseFailed:
			return fmt.Errorf("%s: %w", id, b.Err)
		}
		<-changed
	}
}

// noExtender writes no activity.
type noExtender struct{}

func (noExtender) Touch(*session.Live, session.Activity)      {}
func (noExtender) Flush(context.Context, *session.Live) error { return nil }

// dialSite reaches a site that answers, whatever the address.
func dialSite(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		if _, err := http.ReadRequest(bufio.NewReader(there)); err == nil {
			_, _ = io.WriteString(there, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}
	}()
	return here, nil
}
