package scaler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/session"
)

// benchWorld is a world in real time.
func benchWorld(b *testing.B, plan func(n int, spec scaler.TaskSpec) drivertest.Script) (*scaler.Scaler, func(session.ID) *session.Live) {
	b.Helper()
	store, fake := newStore(), drivertest.NewFake()
	fake.Plan = plan
	registry := session.NewRegistry(session.Clocks{})
	s, err := scaler.New(scaler.Options{
		Store: store, Records: store, Registry: registry, Extender: extender{store}, MaxTasks: 1 << 30, Dial: fake.Dial,
		Pools: []scaler.Pool{{Name: "edit", Key: "{session}", Driver: fake, Maximum: 1 << 30}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s, func(id session.ID) *session.Live {
		now := time.Now()
		rec := session.Session{
			ID: id, ClientID: "acme", Status: session.Inactive, Generation: 1, ExpiresAt: now.Add(time.Hour),
			LastActivity: session.Activity{At: now, Kind: session.Management}, LastHuman: now, LastVisit: now,
		}
		if err := store.Create(context.Background(), rec); err != nil {
			b.Fatal(err)
		}
		return registry.Acquire(&rec)
	}
}

// BenchmarkWakeToDriverCall is the time from Wake to the driver's Start.
func BenchmarkWakeToDriverCall(b *testing.B) {
	called := make(chan struct{}, 1)
	s, create := benchWorld(b, func(int, scaler.TaskSpec) drivertest.Script {
		called <- struct{}{}
		return drivertest.Script{ListensAfter: time.Hour}
	})
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		l := create(session.ID(fmt.Sprintf("s%d", n)))
		b.StartTimer()
		if err := s.Wake(b.Context(), l, visit()); err != nil {
			b.Fatal(err)
		}
		<-called
		b.StopTimer()
		s.Release(l)
		l.Release()
		b.StartTimer()
	}
}

// BenchmarkWakeJoined is a Wake while a start is under way.
func BenchmarkWakeJoined(b *testing.B) {
	s, create := benchWorld(b, func(int, scaler.TaskSpec) drivertest.Script {
		return drivertest.Script{ListensAfter: time.Hour}
	})
	l := create("s1")
	defer l.Release()
	for b.Loop() {
		if err := s.Wake(b.Context(), l, visit()); err != nil {
			b.Fatal(err)
		}
	}
}
