package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/webordinary/warmgate/proxy/accesslog"
	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// line is the access line of a request, in the proxy's words.
type line struct{ *accesslog.Record }

func (l line) rule(r *route.Rule) {
	l.Rule, l.Priority = r.String(), r.Priority
	switch r.Action.(type) {
	case *route.Session:
		l.Action = "session"
	case *route.Forward:
		l.Action = "forward"
	case *route.Static:
		l.Action = "static"
	case *route.Redirect:
		l.Action = "redirect"
	case *route.FixedResponse:
		l.Action = "fixed-response"
	case *route.Management:
		l.Action = "management"
	}
}

func (l line) session(s *session.Session) {
	l.SessionID, l.ClientID = string(s.ID), string(s.ClientID)
}

func (l line) cold(c class, a answer) {
	l.Cold.Class, l.Cold.Answer = c.String(), a.String()
}

func (l line) waited(d time.Duration) { l.Cold.Waited += d }

func (l line) reason(err error) {
	if l.Reason == "" && err != nil {
		l.Reason = err.Error()
	}
}

func (l line) clientGone() {
	l.SetStatus(problem.StatusClientGone)
	if l.Reason == "" {
		l.Reason = "client gone"
	}
}

// requestIDs makes ids that are unique per process and told apart from those of
// other processes by a random beginning.
type requestIDs struct {
	prefix string
	last   atomic.Uint64
}

func newRequestIDs() *requestIDs {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails
	return &requestIDs{prefix: hex.EncodeToString(b[:]) + "-"}
}

func (r *requestIDs) next() string {
	var buf [32]byte
	b := append(buf[:0], r.prefix...)
	return string(strconv.AppendUint(b, r.last.Add(1), 36))
}
