package warming

import (
	"sync"

	"github.com/webordinary/warmgate/session"
)

// streams counts the open event streams and keeps them within their bounds.
type streams struct {
	limits Options

	mu      sync.Mutex
	open    int
	by      map[session.ID]int
	refused int64
}

func newStreams(o Options) streams {
	return streams{limits: o, by: make(map[session.ID]int)}
}

// enter admits a stream of the session, which leaves later, or refuses it.
func (s *streams) enter(id session.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.limits.MaxStreams || s.by[id] >= s.limits.MaxStreamsPerSession {
		s.refused++
		return false
	}
	s.open++
	s.by[id]++
	return true
}

func (s *streams) leave(id session.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.by[id]--; s.by[id] == 0 {
		delete(s.by, id)
	}
}

// StreamStats counts event streams.
type StreamStats struct {
	// Open is how many there are now, Refused how many found a bound reached.
	Open    int
	Refused int64
}

// StreamStats returns the counts, for metrics.
func (p *Pages) StreamStats() StreamStats {
	s := &p.streams
	s.mu.Lock()
	defer s.mu.Unlock()
	return StreamStats{Open: s.open, Refused: s.refused}
}
