package cache

import (
	"strings"
	"time"

	"github.com/webordinary/warmgate/session"
)

// packed is a session in little memory: its texts are one string, of which
// unpacking takes slices, so that it costs no allocation.
type packed struct {
	text string
	// ends has where each text ends.
	ends [textCount]uint32

	generation      int64
	createdAt       time.Time
	expiresAt       time.Time
	lastActivity    time.Time
	lastHuman       time.Time
	lastVisit       time.Time
	awakeSince      time.Time
	backgroundWoken bool
	ports           map[int]string
	metadata        map[string]any
}

const textCount = 10

func pack(s *session.Session) packed {
	p := packed{
		generation: s.Generation, createdAt: s.CreatedAt, expiresAt: s.ExpiresAt, lastActivity: s.LastActivity.At,
		lastHuman: s.LastHuman, lastVisit: s.LastVisit, awakeSince: s.AwakeSince, backgroundWoken: s.BackgroundWoken,
		ports: s.Target.Ports, metadata: s.Metadata,
	}
	texts := [textCount]string{
		string(s.ID), string(s.ClientID), s.UserID, s.ThreadID, string(s.Status), s.Pool, s.Cause,
		s.Target.TaskID, s.Target.Addr, string(s.LastActivity.Kind),
	}
	p.text = strings.Join(texts[:], "")
	end := 0
	for i, text := range texts {
		end += len(text)
		p.ends[i] = uint32(end)
	}
	return p
}

func (p *packed) unpack() session.Session {
	text := func(i int) string { return p.text[p.ends[i-1]:p.ends[i]] }
	return session.Session{
		ID: session.ID(p.text[:p.ends[0]]), ClientID: session.ClientID(text(1)), UserID: text(2), ThreadID: text(3),
		Status: session.Status(text(4)), Pool: text(5), Generation: p.generation,
		Target: session.Target{TaskID: text(7), Addr: text(8), Ports: p.ports}, Cause: text(6),
		CreatedAt: p.createdAt, ExpiresAt: p.expiresAt,
		LastActivity: session.Activity{At: p.lastActivity, Kind: session.ActivityKind(text(9))},
		LastHuman:    p.lastHuman, LastVisit: p.lastVisit, AwakeSince: p.awakeSince,
		BackgroundWoken: p.backgroundWoken, Metadata: p.metadata,
	}
}
