package proxy

import (
	"io"
	"time"

	"github.com/webordinary/warmgate/session"
)

// touchingBody records the data of a long answer as activity, at most once a
// second.
type touchingBody struct {
	io.ReadCloser
	live    *session.Live
	toucher Toucher
	kind    session.ActivityKind
	last    time.Time
}

const touchEvery = time.Second

// Read implements io.Reader.
func (b *touchingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		if now := time.Now(); now.Sub(b.last) >= touchEvery {
			b.last = now
			b.toucher.Touch(b.live, session.Activity{At: now, Kind: b.kind})
		}
	}
	return n, err
}
