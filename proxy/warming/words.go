package warming

import (
	"errors"
	"fmt"
	"time"

	"github.com/webordinary/warmgate/session"
)

// cause says in plain words why a start failed.
func cause(err error) string {
	switch {
	case errors.Is(err, session.ErrStartTimeout):
		return "It was started, but it did not answer in time."
	case errors.Is(err, session.ErrCapacity):
		return "There is no room for it at the moment."
	case errors.Is(err, session.ErrStartFailed):
		return "Its server could not be started, or stopped again at once."
	}
	return "Something went wrong while it was started."
}

// usually says what the estimate promises; "" if there is none.
func usually(e session.Estimate) string {
	switch {
	case e.Samples <= 0 || e.Median <= 0:
		return ""
	case e.Samples == 1:
		return "Last time it took about " + about(e.Median) + "."
	case about(e.P90) == about(e.Median):
		return "Usually ready in about " + about(e.Median) + "."
	}
	return fmt.Sprintf("Usually ready in about %s, nearly always within %s.", about(e.Median), about(e.P90))
}

// about returns d in whole seconds, rounded up; from 100 s on in minutes too.
func about(d time.Duration) string {
	s := int((d + time.Second - 1) / time.Second)
	if s < 100 {
		return fmt.Sprintf("%d s", s)
	}
	return fmt.Sprintf("%d min %d s", s/60, s%60)
}
