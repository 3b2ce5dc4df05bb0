package problem

import (
	_ "embed" // for the page
	"net/http"

	"github.com/webordinary/warmgate/proxy/page"
)

//go:embed assets/problem.html
var body string

// Pages writes problems for people. Safe for concurrent use.
type Pages struct {
	page *page.Page
}

// NewPages returns Pages in the given look.
func NewPages(look *page.Look) *Pages {
	return &Pages{page: look.MustCompile(page.Source{Body: body})}
}

// view is what the template sees.
type view struct {
	Problem
	advice
	// Resend: the request was not a GET, and trying again would not repeat it.
	Resend bool
	// Wait is RetryAfter in seconds; 0 if unknown.
	Wait int
	// Refresh is when the page opens its address again by itself, in seconds; 0
	// for never.
	Refresh int
}

// advice is what a person can do now.
type advice struct {
	Text string
	// Again: opening the same address again may help.
	Again bool
}

// Write answers r with p as a page that says what to do now. Nothing of the
// request is in it. A HEAD gets the same headers and no body; where nobody is
// left to answer, only the status is set.
func (s *Pages) Write(w http.ResponseWriter, r *http.Request, p Problem) {
	if p.Gone() {
		w.WriteHeader(p.Status)
		return
	}
	v := view{
		Problem: p, advice: advise(p), Wait: page.Seconds(p.RetryAfter),
		Resend: r.Method != http.MethodGet && r.Method != http.MethodHead,
	}
	// Only what ends without anybody's doing: a page that tries a spent budget
	// again and again would keep it spent.
	if p.Type == Unavailable && !v.Resend {
		v.Refresh = v.Wait
	}
	s.page.Write(w, r, page.Answer{Status: p.Status, Title: p.Title, RetryAfter: p.RetryAfter, Data: v})
}

// advise returns what to do about p.
func advise(p Problem) advice {
	switch p.Type {
	case NotFound:
		return advice{Text: "A preview ends after a while without use. Ask whoever sent you this link for a new one."}
	case Invalid, TooLarge:
		return advice{Text: "Check the address or what you sent, and try again."}
	case Conflict:
		return advice{Text: "Look at how things are now, and try again.", Again: true}
	case Capacity:
		return advice{Text: "Nothing is lost. It works again as soon as there is room.", Again: true}
	}
	if p.Status >= http.StatusInternalServerError {
		return advice{Text: "Try again in a moment. If it stays like this, tell whoever sent you the link.", Again: true}
	}
	return advice{}
}
