package proxy

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/webordinary/warmgate/session"
)

// wakes makes one wake of those that ask for the same session at the same time.
// A page's background requests wait apart: their refusal is not a person's.
type wakes struct {
	group singleflight.Group
}

// wakeTimeout bounds the record's write and the driver's call.
const wakeTimeout = 10 * time.Second

// do calls f once for all concurrent callers of the session. f's context does
// not end with the request that happened to be first.
func (w *wakes) do(ctx context.Context, l *session.Live, background bool, f func(context.Context) error) error {
	key := "visit " + string(l.ID())
	if background {
		key = "background " + string(l.ID())
	}
	_, err, _ := w.group.Do(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wakeTimeout)
		defer cancel()
		if b, _ := l.Backend(); b.Phase.Warming() || b.Phase == session.PhaseReady {
			return nil, nil
		}
		return nil, f(ctx)
	})
	return err
}
