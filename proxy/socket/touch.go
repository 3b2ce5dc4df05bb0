package socket

import (
	"sync/atomic"
	"time"

	"github.com/webordinary/warmgate/session"
)

// touchEvery is the time in which a socket reports one kind of activity at most
// once.
const touchEvery = time.Second

// touches are the times, in Unix nanoseconds, when each kind was last reported.
type touches struct {
	data, update, presence atomic.Int64
}

func (t *touches) of(k session.ActivityKind) *atomic.Int64 {
	switch k {
	case session.HMRUpdate:
		return &t.update
	case session.Presence:
		return &t.presence
	}
	return &t.data
}

// touch reports an activity unless the same kind was reported a moment ago.
// kind may be "".
func (s *socket) touch(k session.ActivityKind) {
	if k == "" {
		return
	}
	at, now := s.touches.of(k), time.Now().UnixNano()
	last := at.Load()
	if now-last >= int64(touchEvery) && at.CompareAndSwap(last, now) {
		s.hub.options.Touch(s.live, k)
	}
}
