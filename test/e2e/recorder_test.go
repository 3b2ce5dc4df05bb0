//go:build e2e

package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// request is one HTTP request of a tab. A redirect ends one request and begins the next.
type request struct {
	url     string
	method  string
	kind    network.ResourceType
	status  int64 // 0 until answered
	failure string
	done    bool
}

// socket is one websocket of a tab.
type socket struct {
	url      string
	status   int64
	closed   bool
	received []string
	sent     []string
}

// recorder keeps what happened in a tab. It is safe for concurrent use.
type recorder struct {
	mu       sync.Mutex
	requests []*request
	byID     map[network.RequestID]*request
	sockets  map[network.RequestID]*socket
	console  []string
	problems []string // errors and warnings of the console, exceptions
}

func newRecorder() *recorder {
	return &recorder{byID: map[network.RequestID]*request{}, sockets: map[network.RequestID]*socket{}}
}

// event takes one event of the browser's protocol.
func (r *recorder) event(ev any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		r.begin(ev)
	case *network.EventResponseReceived:
		if q := r.byID[ev.RequestID]; q != nil {
			q.status = ev.Response.Status
		}
	case *network.EventLoadingFinished:
		if q := r.byID[ev.RequestID]; q != nil {
			q.done = true
		}
	case *network.EventLoadingFailed:
		if q := r.byID[ev.RequestID]; q != nil {
			q.done, q.failure = true, ev.ErrorText
		}
	case *runtime.EventConsoleAPICalled:
		r.say(string(ev.Type), consoleText(ev.Args))
	case *runtime.EventExceptionThrown:
		r.say("exception", exceptionText(ev.ExceptionDetails))
	case *log.EventEntryAdded:
		r.say(string(ev.Entry.Level), ev.Entry.Text+" "+ev.Entry.URL)
	default:
		r.socketEvent(ev)
	}
}

func (r *recorder) begin(ev *network.EventRequestWillBeSent) {
	if strings.HasPrefix(ev.Request.URL, "data:") {
		return
	}
	if q := r.byID[ev.RequestID]; q != nil && ev.RedirectResponse != nil {
		q.status, q.done = ev.RedirectResponse.Status, true
	}
	if ev.Type == network.ResourceTypeDocument {
		// The sockets and requests of a page that is left end with it; the browser does not always report that.
		for _, s := range r.sockets {
			s.closed = true
		}
		for _, q := range r.requests {
			q.done = true
		}
	}
	q := &request{url: ev.Request.URL, method: ev.Request.Method, kind: ev.Type}
	r.byID[ev.RequestID] = q
	r.requests = append(r.requests, q)
}

func (r *recorder) socketEvent(ev any) {
	switch ev := ev.(type) {
	case *network.EventWebSocketCreated:
		r.sockets[ev.RequestID] = &socket{url: ev.URL}
	case *network.EventWebSocketHandshakeResponseReceived:
		r.socket(ev.RequestID).status = ev.Response.Status
	case *network.EventWebSocketFrameReceived:
		s := r.socket(ev.RequestID)
		s.received = append(s.received, string(ev.Response.PayloadData))
	case *network.EventWebSocketFrameSent:
		s := r.socket(ev.RequestID)
		s.sent = append(s.sent, string(ev.Response.PayloadData))
	case *network.EventWebSocketClosed:
		r.socket(ev.RequestID).closed = true
	}
}

// socket returns a socket that is known, or one that nobody looks at: that of a page left before forget.
func (r *recorder) socket(id network.RequestID) *socket {
	if s := r.sockets[id]; s != nil {
		return s
	}
	return &socket{}
}

func (r *recorder) say(level, text string) {
	line := level + ": " + strings.TrimSpace(text)
	r.console = append(r.console, line)
	switch level {
	case "error", "warning", "assert", "exception":
		r.problems = append(r.problems, line)
	}
}

func consoleText(args []*runtime.RemoteObject) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = strings.Trim(string(arg.Value), `"`)
		if words[i] == "" {
			words[i] = arg.Description
		}
	}
	return strings.Join(words, " ")
}

func exceptionText(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text
}

// forget drops what was recorded. Requests under way and open sockets stay known.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = slices.DeleteFunc(r.requests, func(q *request) bool { return q.done })
	r.console, r.problems = nil, nil
	for id, s := range r.sockets {
		if s.closed {
			delete(r.sockets, id)
			continue
		}
		s.received, s.sent = nil, nil
	}
}

// busy counts the requests that have no end yet, but for event streams, which never have one, and fetches, which have
// none when a script does not read the answer: Astro's toolbar asks for pictures so.
func (r *recorder) busy() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, q := range r.requests {
		if !q.done && q.kind != network.ResourceTypeEventSource && q.kind != network.ResourceTypeFetch {
			n++
		}
	}
	return n
}

// seen returns copies of the requests so far.
func (r *recorder) seen() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]request, len(r.requests))
	for i, q := range r.requests {
		all[i] = *q
	}
	return all
}

// documents returns the status of every document that the tab asked for, in order.
func (r *recorder) documents() []int64 {
	var statuses []int64
	for _, q := range r.seen() {
		if q.kind == network.ResourceTypeDocument {
			statuses = append(statuses, q.status)
		}
	}
	return statuses
}

// openSockets returns copies of the websockets that are open.
func (r *recorder) openSockets() []socket {
	r.mu.Lock()
	defer r.mu.Unlock()
	var open []socket
	for _, s := range r.sockets {
		if s.status == 101 && !s.closed {
			c := *s
			c.received, c.sent = slices.Clone(s.received), slices.Clone(s.sent)
			open = append(open, c)
		}
	}
	return open
}

// complaints returns the errors and warnings of the console without what differs between two addresses of
// one site: the address itself.
func (r *recorder) complaints(base string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	u, err := url.Parse(base)
	if err != nil {
		panic(err) // the tests build their addresses themselves
	}
	shorten := strings.NewReplacer(strings.TrimSuffix(base, "/"), "", u.Scheme+"://"+u.Host, "")
	lines := make([]string, len(r.problems))
	for i, line := range r.problems {
		lines[i] = shorten.Replace(line)
	}
	return lines
}

// String lists everything, for the message of a failed test.
func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, q := range r.requests {
		fmt.Fprintf(&b, "  %s %s %s %d %s\n", q.kind, q.method, q.url, q.status, q.failure)
	}
	for _, s := range r.sockets {
		fmt.Fprintf(&b, "  websocket %s %d closed=%v received %q\n", s.url, s.status, s.closed, s.received)
	}
	for _, line := range r.console {
		fmt.Fprintf(&b, "  console %s\n", line)
	}
	return b.String()
}
