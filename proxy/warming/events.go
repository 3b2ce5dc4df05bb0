package warming

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/session"
)

// The rhythm of an event stream.
const (
	// logInterval is how often the log is looked at.
	logInterval = 500 * time.Millisecond
	// commentInterval keeps proxies on the way from giving up.
	commentInterval = 15 * time.Second
	// writeTimeout frees the place of a client that does not read.
	writeTimeout = 10 * time.Second
	// refusedRetry is what a client over a bound is told.
	refusedRetry = 5 * time.Second
)

// Events answers with the session's snapshots as server-sent events: "state"
// with the JSON of [Pages.Status] at once and whenever it changes, "log" with a
// JSON array of the last lines when there are new ones, a comment every 15 s. It
// returns after a state that is no start under way, when the client has gone,
// and on [Pages.Close]. Over a bound the answer is 503, and the page polls.
//
// The caller holds live until Events returns. w must allow flushing.
func (p *Pages) Events(w http.ResponseWriter, r *http.Request, live *session.Live) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed, 0)
		return
	}
	if !p.streams.enter(live.ID()) {
		refuse(w, http.StatusServiceUnavailable, refusedRetry)
		return
	}
	defer p.streams.leave(live.ID())

	h := w.Header()
	page.SetHeaders(h, 0)
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx: do not collect the answer
	w.WriteHeader(http.StatusOK)
	s := &stream{w: w, rc: http.NewResponseController(w), live: live}
	s.follow(r.Context().Done(), p.closing)
}

// refuse answers a request for a stream that is not given.
func refuse(w http.ResponseWriter, status int, retryAfter time.Duration) {
	page.SetHeaders(w.Header(), retryAfter)
	w.WriteHeader(status)
}

// stream is one client's event stream.
type stream struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	live *session.Live
	// shown is the log as the client knows it.
	shown []string
}

// follow sends until the start is over, a write fails, or one of the channels
// is closed.
func (s *stream) follow(gone, closing <-chan struct{}) {
	logs := time.NewTicker(logInterval)
	defer logs.Stop()
	comments := time.NewTicker(commentInterval)
	defer comments.Stop()

	goOn, changed := s.sendState()
	for goOn {
		select {
		case <-changed:
			goOn, changed = s.sendState()
		case <-logs.C:
			goOn = s.sendLog()
		case <-comments.C:
			goOn = s.send([]byte(": the start is still under way\n\n"))
		case <-gone:
			return
		case <-closing:
			return
		}
	}
}

// sendState sends the snapshot. It reports whether there is more to come, and
// the channel that tells of it.
func (s *stream) sendState() (goOn bool, changed <-chan struct{}) {
	b, changed := s.live.Backend()
	st := newState(b, time.Now())
	s.shown = st.Log
	return s.send(event("state", st)) && b.Phase.Warming(), changed
}

// sendLog sends the log if it is not what the client knows.
func (s *stream) sendLog() bool {
	b, _ := s.live.Backend()
	lines := tail(b)
	if slices.Equal(lines, s.shown) {
		return true
	}
	s.shown = lines
	return s.send(event("log", lines))
}

// event returns a server-sent event (HTML standard 9.2.5); JSON has no line break.
func event(name string, data any) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", name, encode(data))
	return b.Bytes()
}

// send writes and flushes, and reports whether the client took it in time.
func (s *stream) send(b []byte) bool {
	_ = s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)) // without one, the server's holds
	_, err := s.w.Write(b)
	return err == nil && s.rc.Flush() == nil
}
