package session

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOver(t *testing.T) {
	s := awakeOne()
	for d, want := range map[time.Duration]bool{-time.Hour: false, 30*time.Minute - 1: false, 30 * time.Minute: true, time.Hour: true} {
		if got := s.Over(after(d)); got != want {
			t.Errorf("Over(%s after the epoch) = %t, want %t", d, got, want)
		}
	}
	for _, s.Status = range []Status{Draining, Expired} {
		if !s.Over(epoch) {
			t.Errorf("one that is %s is not over", s.Status)
		}
	}
}

func TestTargetAddress(t *testing.T) {
	target := Target{TaskID: "t", Addr: "h:4321", Ports: map[int]string{8080: "h:8080"}}
	for port, want := range map[int]string{0: "h:4321", 8080: "h:8080", 9: ""} {
		if got, ok := target.Address(port); got != want || ok != (want != "") {
			t.Errorf("Address(%d) = %q, %t, want %q", port, got, ok, want)
		}
	}
	if _, ok := (Target{}).Address(0); ok {
		t.Error("no target has an address")
	}
}

func TestClone(t *testing.T) {
	make := func() Session {
		s := awakeOne()
		s.Target.Ports = map[int]string{1: "a"}
		s.Metadata = map[string]any{"list": []any{map[string]any{"deep": "a"}}, "object": map[string]any{"deep": []any{"a"}}}
		return s
	}
	s := make()
	c := s.Clone()
	if diff := cmp.Diff(s, c); diff != "" {
		t.Errorf("Clone: -session +clone\n%s", diff)
	}
	c.Target.Ports[1] = "b"
	c.Metadata["list"].([]any)[0].(map[string]any)["deep"] = "b"
	c.Metadata["object"].(map[string]any)["deep"].([]any)[0] = "b"
	if diff := cmp.Diff(make(), s); diff != "" {
		t.Errorf("a change of the clone shows in the session:\n%s", diff)
	}
	if c := (Session{}).Clone(); c.Metadata != nil || c.Target.Ports != nil {
		t.Error("a clone has maps that the session has not")
	}
}

func TestValidate(t *testing.T) {
	for field, spoil := range map[string]func(*Session){
		"sessionId": func(s *Session) { s.ID = "a/b" },
		"clientId":  func(s *Session) { s.ClientID = "" },
		"status":    func(s *Session) { s.Status = "sleepy" },
		"":          func(*Session) {},
	} {
		s := awakeOne()
		spoil(&s)
		invalid, ok := errors.AsType[*InvalidError](s.Validate())
		if ok != (field != "") || ok && invalid.Field != field {
			t.Errorf("Validate = %v, want one about %q", invalid, field)
		}
	}
}

func TestRefusedError(t *testing.T) {
	for want, err := range map[string]*RefusedError{
		"the budget is spent":                     {What: "the budget is spent"},
		"the budget is spent; try again in 1m30s": {What: "the budget is spent", RetryAfter: 90*time.Second + time.Millisecond},
	} {
		if err.Error() != want || !errors.Is(err, ErrCapacity) {
			t.Errorf("%q (ErrCapacity: %t), want %q", err, errors.Is(err, ErrCapacity), want)
		}
	}
}

func TestPhaseWarming(t *testing.T) {
	for phase, want := range map[Phase]bool{
		PhaseAsleep: false, PhaseAsked: true, PhaseProvisioning: true, PhasePulling: true, PhaseStarting: true,
		PhaseChecking: true, PhaseReady: false, PhaseFailed: false, PhaseEnded: false, "": false,
	} {
		if got := phase.Warming(); got != want {
			t.Errorf("%s.Warming() = %t, want %t", phase, got, want)
		}
	}
}
