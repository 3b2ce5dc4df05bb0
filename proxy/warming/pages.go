package warming

import (
	_ "embed" // for the pages
	"net/http"
	"sync"
	"time"

	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/session"
)

//go:embed assets/warming.html
var warmingBody string

//go:embed assets/failed.html
var failedBody string

//go:embed assets/asleep.html
var asleepBody string

//go:embed assets/card.html
var cardBody string

//go:embed assets/steps.html
var stepsBody string

//go:embed assets/warming.css
var style string

//go:embed assets/warming.js
var script string

// The paths, below a session's prefix, that the pages call.
const (
	// EventsPath: GET, answered by [Pages.Events].
	EventsPath = "/.warmgate/events"
	// StatusPath: GET, answered by [Pages.Status].
	StatusPath = "/.warmgate/status"
	// WakePath: POST of the retry button; [ReturnTo] tells where it leads back.
	WakePath = "/.warmgate/wake"
)

// Options bound the live channel. Zero values mean the defaults.
type Options struct {
	// MaxStreams bounds the open event streams in all; default 1000.
	MaxStreams int
	// MaxStreamsPerSession bounds those of one session; default 50.
	MaxStreamsPerSession int
}

func (o Options) withDefaults() Options {
	if o.MaxStreams <= 0 {
		o.MaxStreams = 1000
	}
	if o.MaxStreamsPerSession <= 0 {
		o.MaxStreamsPerSession = 50
	}
	return o
}

// Pages writes the pages and serves their live channel. Safe for concurrent use.
type Pages struct {
	warming *page.Page
	failed  *page.Page
	asleep  *page.Page
	card    *page.Page
	streams streams

	closing   chan struct{}
	closeOnce sync.Once
}

// New returns Pages in the given look.
func New(look *page.Look, o Options) *Pages {
	live := func(body string) *page.Page {
		return look.MustCompile(page.Source{Body: stepsBody + body, Style: style, Script: script})
	}
	return &Pages{
		warming: live(warmingBody),
		failed:  live(failedBody),
		asleep:  look.MustCompile(page.Source{Body: stepsBody + asleepBody, Style: style}),
		card:    look.MustCompile(page.Source{Body: cardBody}),
		streams: newStreams(o.withDefaults()),
		closing: make(chan struct{}),
	}
}

// Close ends all event streams, and new ones at once; their pages go on by
// polling. For http.Server.RegisterOnShutdown: Shutdown waits for streams.
func (p *Pages) Close() {
	p.closeOnce.Do(func() { close(p.closing) })
}

// View is what a page is about.
type View struct {
	// SessionID is the session's, or that of a pool that forward rules use.
	SessionID session.ID
	// Base is the session's URL prefix as it stands in URLs, without a slash at
	// its end: "/session/demo", or "" if the session has a host of its own.
	Base string
	// Mute: no URL leads to the page's calls. It makes none and reloads instead.
	Mute bool
	// Backend is the snapshot that decided on the page.
	Backend *session.Backend
	// RequestID lets the operator find the request's log line; may be empty.
	RequestID string
}

// Pool returns the name of the pool that the page is about, "" if it is about a
// session.
func (v View) Pool() string {
	if name, ok := v.SessionID.Pool(); ok {
		return name
	}
	return ""
}

// What is what starts, in a word.
func (v View) What() string {
	if v.Pool() != "" {
		return "service"
	}
	return "preview"
}

// Subject is What, as a sentence about it begins.
func (v View) Subject() string {
	if v.Pool() != "" {
		return "This service"
	}
	return "Your preview"
}

// Warming answers a navigation whose session is being started: 503, with
// Retry-After from what is left of the estimate.
func (p *Pages) Warming(w http.ResponseWriter, r *http.Request, v View) {
	now := time.Now()
	p.warming.Write(w, r, page.Answer{
		Status: http.StatusServiceUnavailable, Title: "Starting the " + v.What(),
		RetryAfter: retryAfter(v.Backend, now),
		Data:       newContent(v, r, now),
	})
}

// Failed answers a navigation whose session failed to start, with its cause and
// a button that tries again. status is 502 or 504.
func (p *Pages) Failed(w http.ResponseWriter, r *http.Request, v View, status int) {
	now := time.Now()
	p.failed.Write(w, r, page.Answer{
		Status: status, Title: "The " + v.What() + " did not start",
		RetryAfter: v.Backend.RetryAt.Sub(now),
		Data:       newContent(v, r, now),
	})
}

// Asleep answers a navigation that a page made by itself, of a session that such
// requests may not wake: 503, with a button for a person who does want to.
func (p *Pages) Asleep(w http.ResponseWriter, r *http.Request, v View) {
	p.asleep.Write(w, r, page.Answer{
		Status: http.StatusServiceUnavailable, Title: "The " + v.What() + " is asleep",
		RetryAfter: time.Minute,
		Data:       newContent(v, r, time.Now()),
	})
}

// Card answers prefetches, link unfurlers and other robots: a static page that
// says nothing of any session, and wakes none. A prefetch gets it as a 503,
// for a browser may show what it prefetched with a 2xx instead of asking again;
// everybody else gets 200.
func (p *Pages) Card(w http.ResponseWriter, r *http.Request, prefetch bool) {
	status := http.StatusOK
	if prefetch {
		status = http.StatusServiceUnavailable
	}
	p.card.Write(w, r, page.Answer{Status: status, Title: "A site preview"})
}
