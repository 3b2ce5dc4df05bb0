package warming

import (
	"slices"
	"strconv"
	"time"

	"github.com/webordinary/warmgate/session"
)

// stepState is how far a step is; it is also the style's class.
type stepState string

const (
	stepDone    stepState = "done"
	stepNow     stepState = "now"
	stepNext    stepState = "next"
	stepSkipped stepState = "skipped"
	stepFailed  stepState = "failed"
)

// row is one step of a start as the page lists it.
type row struct {
	Phase session.Phase
	Label string
	State stepState
	// Took is how long it took, or takes so far; "" if it was not reached.
	Took string
}

// labels are the steps of a start in their order, in words.
var labels = []struct {
	phase session.Phase
	label string
}{
	{session.PhaseAsked, "Asking for a start"},
	{session.PhaseProvisioning, "Finding a place to run"},
	{session.PhasePulling, "Fetching what it needs"},
	{session.PhaseStarting, "Starting its server"},
	{session.PhaseChecking, "Waiting for its first answer"},
}

// newRow lists all steps with what s knows of them: those before the current one
// are done, or skipped if they were left out; those after it are to come.
func newRow(s state) []row {
	current := position(s)
	rows := make([]row, len(labels))
	for i, l := range labels {
		n := reached(s, l.phase)
		rows[i] = row{Phase: l.phase, Label: l.label, State: stepNext}
		if l.phase == session.PhaseAsked && s.TurnIn > 0 {
			rows[i].Label = "In line for a start, its turn comes in about " + about(time.Duration(s.TurnIn)*time.Millisecond)
		}
		switch {
		case i < current && n < 0:
			rows[i].State = stepSkipped
		case i <= current:
			rows[i].State, rows[i].Took = progress(s, i == current), took(s, n)
		}
	}
	return rows
}

// position returns the index of the step under way, or else of the last one
// reached; -1 if there is none.
func position(s state) int {
	if i := listed(s.Phase); i >= 0 {
		return i
	}
	for _, st := range slices.Backward(s.Steps) {
		if i := listed(st.Phase); i >= 0 {
			return i
		}
	}
	return -1
}

// listed returns the index of p among the steps of a start, or -1.
func listed(p session.Phase) int {
	for i, l := range labels {
		if l.phase == p {
			return i
		}
	}
	return -1
}

// reached returns the index of the phase's last step in s, or -1: a start that
// changes its mind (Spot, then on demand) goes through some phases again.
func reached(s state, p session.Phase) int {
	for i, st := range slices.Backward(s.Steps) {
		if st.Phase == p {
			return i
		}
	}
	return -1
}

// progress returns how far a step that was reached is.
func progress(s state, current bool) stepState {
	switch {
	case current && s.Phase == session.PhaseFailed:
		return stepFailed
	case current && s.Phase.Warming():
		return stepNow
	}
	return stepDone
}

// took returns how long the nth step of s lasted, or lasts, in seconds to one
// place; "" if that is not known.
func took(s state, n int) string {
	if n < 0 {
		return ""
	}
	end := s.Elapsed
	switch {
	case n+1 < len(s.Steps):
		end = s.Steps[n+1].At
	case !s.Phase.Warming():
		return ""
	}
	return strconv.FormatFloat(float64(max(end-s.Steps[n].At, 0))/1000, 'f', 1, 64) + " s"
}
