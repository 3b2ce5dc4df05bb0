package proxy

import (
	"net/http"

	"github.com/webordinary/warmgate/session"
)

// answer is what a request gets while its session has no ready target.
type answer int

const (
	// answerPage: the warming page, after the grace time.
	answerPage answer = iota
	// answerHold: wait for readiness, bounded.
	answerHold
	// answerCard: a small static answer that wakes nothing.
	answerCard
	// answerUnavailable: 503 with Retry-After at once.
	answerUnavailable
	// answerFailed: the start's failure: a page for navigations, else problem+json.
	answerFailed
	// answerGone: 404; ended, expired and unknown look the same.
	answerGone
)

// String names the answer in the access log.
func (a answer) String() string {
	switch a {
	case answerPage:
		return "page"
	case answerHold:
		return "hold"
	case answerCard:
		return "card"
	case answerUnavailable:
		return "unavailable"
	case answerFailed:
		return "failed"
	}
	return "gone"
}

// decision is a row of the cold path table.
type decision struct {
	wake   bool
	answer answer
}

// decide is the cold path table for plain requests (upgrades are package
// socket's): which answer a class of request gets in a phase, and whether it
// wakes. retry tells that a failed start may be tried again by now.
func decide(c class, phase session.Phase, method string, retry bool) decision {
	switch {
	case phase == session.PhaseEnded:
		return decision{answer: answerGone}
	case c == classPassive && method == http.MethodOptions:
		return decision{answer: answerUnavailable} // a preflight cannot use a card
	case c == classPassive:
		return decision{answer: answerCard}
	case phase == session.PhaseFailed && !retry:
		return decision{answer: answerFailed}
	}
	wake := phase == session.PhaseAsleep || phase == session.PhaseFailed
	if c == classNavigation && method == http.MethodGet {
		return decision{wake: wake, answer: answerPage}
	}
	return decision{wake: wake, answer: answerHold}
}
