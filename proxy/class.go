package proxy

import (
	"net/http"
	"strings"

	"github.com/webordinary/warmgate/session"
)

// class is what kind of request it is, as far as the cold path cares.
type class int

const (
	// classFetch: a sub-resource, fetch, XHR, API client, or anything unknown.
	classFetch class = iota
	// classNavigation: a person opens a page.
	classNavigation
	// classPassive: a prefetch, HEAD, OPTIONS, a link unfurler or bot; it never wakes.
	classPassive
	// classUpgrade: a websocket handshake.
	classUpgrade
)

// String names the class for logs and metrics.
func (c class) String() string {
	switch c {
	case classNavigation:
		return "navigation"
	case classPassive:
		return "passive"
	case classUpgrade:
		return "upgrade"
	}
	return "fetch"
}

// classify tells the class from method and headers alone (Fetch Metadata Request
// Headers, W3C; Accept where a client sends none of them).
func classify(r *http.Request) class {
	mode := field(r.Header, "Sec-Fetch-Mode")
	switch {
	case isUpgrade(r):
		return classUpgrade
	case r.Method == http.MethodHead, r.Method == http.MethodOptions, isPrefetch(r), isUnfurler(field(r.Header, "User-Agent")):
		return classPassive
	case mode == "navigate":
		return classNavigation
	case mode == "" && r.Method == http.MethodGet && field(r.Header, "Sec-Fetch-Dest") == "" && acceptsHTML(r):
		return classNavigation
	}
	return classFetch
}

// isBackground reports whether a page in a browser made the request by itself: its
// timers fetch for ever, and reload it for ever, too. A navigation that a person
// causes carries Sec-Fetch-User, or comes from another site or from none.
func isBackground(r *http.Request, c class) bool {
	site := field(r.Header, "Sec-Fetch-Site")
	switch c {
	case classNavigation:
		return site == "same-origin" && field(r.Header, "Sec-Fetch-User") == ""
	case classFetch:
		return site != "" || field(r.Header, "Sec-Fetch-Mode") != ""
	}
	return false
}

// activityKind is what the request counts as once it was answered well, or as a
// wake; "" for nothing.
func activityKind(r *http.Request, c class) session.ActivityKind {
	switch c {
	case classNavigation:
		if isBackground(r, c) {
			return session.Request
		}
		return session.Navigation
	case classFetch:
		return session.Request
	}
	return ""
}

// activityKind is activityKind of the request; to a pool's service all requests
// are alike.
func (x *exchange) activityKind() session.ActivityKind {
	kind := activityKind(x.r, x.class)
	if kind != "" && x.pool != nil {
		return session.Call
	}
	return kind
}

// streamKind is what the data of a long answer counts as.
func (x *exchange) streamKind() session.ActivityKind {
	if x.pool != nil {
		return session.Call
	}
	return session.Request
}

func isUpgrade(r *http.Request) bool {
	return field(r.Header, "Upgrade") != "" && headerHasToken(r.Header["Connection"], "upgrade")
}

func isPrefetch(r *http.Request) bool {
	for _, name := range [...]string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if v := field(r.Header, name); strings.Contains(v, "prefetch") || strings.Contains(v, "prerender") || v == "preview" {
			return true
		}
	}
	return false
}

// isPreflight reports whether a browser asks if a page of another site may make a
// call (Fetch standard, "CORS-preflight request"): it does so only after a 2xx.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && field(r.Header, "Access-Control-Request-Method") != "" && field(r.Header, "Origin") != ""
}

func acceptsHTML(r *http.Request) bool {
	return strings.Contains(field(r.Header, "Accept"), "text/html")
}

// field is Header.Get for a name that is canonical already.
func field(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// unfurlers are parts of the user agents, in lower case, of programs that fetch
// a link because somebody posted it, and of crawlers.
var unfurlers = []string{
	"slackbot", "slack-imgproxy", "twitterbot", "facebookexternalhit", "facebot", "linkedinbot", "discordbot",
	"telegrambot", "whatsapp", "skypeuripreview", "microsoftpreview", "teamsbot", "googlebot", "google-inspectiontool",
	"bingbot", "bingpreview", "applebot", "yandexbot", "duckduckbot", "baiduspider", "petalbot", "embedly",
	"redditbot", "pinterestbot", "mastodon", "bluesky", "iframely", "outbrain", "vkshare", "w3c_validator",
	"ahrefsbot", "semrushbot", "gptbot", "claudebot", "ccbot", "elb-healthchecker", "amazon-route53-health-check",
	"kube-probe", "googlehc", "uptimerobot", "pingdom",
}

// isUnfurler reports whether the user agent is on the list.
func isUnfurler(userAgent string) bool {
	if isBrowser(userAgent) {
		return false
	}
	ua := strings.ToLower(userAgent)
	for _, name := range unfurlers {
		if strings.Contains(ua, name) {
			return true
		}
	}
	return false
}

// isBrowser knows ordinary browsers cheaply: programs that pass for one still
// say what they are, or where to read about them.
func isBrowser(userAgent string) bool {
	if !strings.HasPrefix(userAgent, "Mozilla/5.0 (") {
		return false
	}
	for _, sign := range [...]string{"ompatible", "http", "bot", "Bot", "review", "pider"} {
		if strings.Contains(userAgent, sign) {
			return false
		}
	}
	return true
}

// headerHasToken reports whether one of the comma-separated values has the token,
// which is in lower case (RFC 9110 5.6.1).
func headerHasToken(values []string, token string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
