package static_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/scaler/static"
	"github.com/webordinary/warmgate/session"
)

func TestContract(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) scaler.Driver {
		return open(t, static.Address{Addr: "127.0.0.1:4321"})
	})
}

func open(t *testing.T, addresses ...static.Address) *static.Driver {
	t.Helper()
	d, err := static.New(static.Options{Addresses: addresses})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStartTakesTheLeastUsedAddress(t *testing.T) {
	d := open(t, static.Address{Addr: "10.0.0.1:80"}, static.Address{Addr: "10.0.0.2:80", Ports: map[int]string{8080: "10.0.0.2:8080"}})
	ids := make(map[string]string) // address to the last task there
	count := func() map[string]int {
		used := make(map[string]int)
		tasks, err := d.Tasks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			used[task.Target.Addr]++
			ids[task.Target.Addr] = task.ID
			if addr, ok := task.Target.Address(8080); ok != (task.Target.Addr == "10.0.0.2:80") {
				t.Errorf("Address(8080) = %q, %v for %s", addr, ok, task.Target.Addr)
			}
		}
		return used
	}
	for n := range 4 {
		if _, err := d.Start(t.Context(), drivertest.Spec(fmt.Sprint(n))); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]int{"10.0.0.1:80": 2, "10.0.0.2:80": 2}, count()); diff != "" {
		t.Errorf("use of the addresses (-want +got):\n%s", diff)
	}
	if err := d.Stop(t.Context(), ids["10.0.0.1:80"]); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Start(t.Context(), drivertest.Spec("5")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"10.0.0.1:80": 2, "10.0.0.2:80": 2}, count()); diff != "" {
		t.Errorf("use after a stop and a start (-want +got):\n%s", diff)
	}
}

func TestNewRefusesWhatIsNoAddress(t *testing.T) {
	for _, o := range []static.Options{
		{},
		{Addresses: []static.Address{{Addr: "localhost"}}},
		{Addresses: []static.Address{{Addr: ":80"}}},
		{Addresses: []static.Address{{Addr: "localhost:80", Ports: map[int]string{1: "http://localhost:80"}}}},
	} {
		_, err := static.New(o)
		if _, ok := errors.AsType[*session.InvalidError](err); !ok {
			t.Errorf("New(%+v) = %v, want an InvalidError", o, err)
		}
	}
}
