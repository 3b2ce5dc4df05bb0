package proxy

import (
	"testing"

	"github.com/webordinary/warmgate/session"
)

// TestDecide is the cold path table of plain requests.
func TestDecide(t *testing.T) {
	const (
		asleep  = session.PhaseAsleep
		warming = session.PhaseStarting
		failed  = session.PhaseFailed
		ended   = session.PhaseEnded
	)
	for _, tt := range []struct {
		class  class
		phase  session.Phase
		method string
		retry  bool
		want   decision
	}{
		{classNavigation, asleep, "GET", true, decision{true, answerPage}},
		{classNavigation, warming, "GET", true, decision{false, answerPage}},
		{classNavigation, failed, "GET", false, decision{false, answerFailed}},
		{classNavigation, failed, "GET", true, decision{true, answerPage}},
		{classNavigation, asleep, "POST", true, decision{true, answerHold}}, // its body is not lost

		{classNavigation, ended, "GET", true, decision{false, answerGone}},

		{classFetch, asleep, "GET", true, decision{true, answerHold}},
		{classFetch, asleep, "POST", true, decision{true, answerHold}},
		{classFetch, warming, "GET", true, decision{false, answerHold}},
		{classFetch, failed, "GET", false, decision{false, answerFailed}},
		{classFetch, failed, "GET", true, decision{true, answerHold}},
		{classFetch, ended, "GET", true, decision{false, answerGone}},

		{classPassive, asleep, "GET", true, decision{false, answerCard}},
		{classPassive, warming, "HEAD", true, decision{false, answerCard}},
		{classPassive, failed, "GET", true, decision{false, answerCard}},
		{classPassive, ended, "HEAD", true, decision{false, answerGone}},
		{classPassive, asleep, "OPTIONS", true, decision{false, answerUnavailable}},
	} {
		if got := decide(tt.class, tt.phase, tt.method, tt.retry); got != tt.want {
			t.Errorf("decide(%v, %s, %s, %v) = %v, want %v", tt.class, tt.phase, tt.method, tt.retry, got, tt.want)
		}
	}
}
