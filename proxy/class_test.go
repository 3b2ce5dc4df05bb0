package proxy

import (
	"net/http/httptest"
	"testing"
)

const (
	acceptBrowser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	chrome        = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		name       string
		method     string
		header     map[string]string
		want       class
		background bool
	}{
		{"typed page", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": acceptBrowser, "User-Agent": chrome}, classNavigation, false},
		{"link that a person follows", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-User": "?1"}, classNavigation, false},
		{"link from another site", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}, classNavigation, false},
		{"reload by script", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Accept": acceptBrowser}, classNavigation, true},
		{"frame", "GET", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": acceptBrowser}, classNavigation, false},
		{"form post", "POST", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": acceptBrowser}, classNavigation, false},
		{"old browser", "GET", map[string]string{"Accept": acceptBrowser}, classNavigation, false},
		{"old browser's form", "POST", map[string]string{"Accept": acceptBrowser}, classFetch, false},
		{"module script", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "script", "Accept": "*/*"}, classFetch, true},
		{"image", "GET", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Accept": "image/*,*/*;q=0.8"}, classFetch, true},
		{"fetch of a page by script", "GET", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": acceptBrowser}, classFetch, true},
		{"insecure origin sends only the site", "GET", map[string]string{"Sec-Fetch-Site": "same-origin", "Accept": "*/*"}, classFetch, true},
		{"curl", "GET", map[string]string{"Accept": "*/*", "User-Agent": "curl/8.1"}, classFetch, false},
		{"API client", "POST", map[string]string{"Accept": "application/json"}, classFetch, false},
		{"no headers at all", "GET", nil, classFetch, false},
		{"head", "HEAD", map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": acceptBrowser}, classPassive, false},
		{"preflight", "OPTIONS", map[string]string{"Sec-Fetch-Mode": "cors"}, classPassive, false},
		{"prefetch", "GET", map[string]string{"Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "navigate", "Accept": acceptBrowser}, classPassive, false},
		{"prerender", "GET", map[string]string{"Sec-Purpose": "prefetch;prerender", "Sec-Fetch-Mode": "navigate"}, classPassive, false},
		{"old prefetch", "GET", map[string]string{"Purpose": "prefetch", "Accept": acceptBrowser}, classPassive, false},
		{"Slack", "GET", map[string]string{"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Accept": acceptBrowser}, classPassive, false},
		{"Teams", "GET", map[string]string{"User-Agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", "Accept": acceptBrowser}, classPassive, false},
		{"Google", "GET", map[string]string{"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Accept": acceptBrowser}, classPassive, false},
		{"ALB's health check", "GET", map[string]string{"User-Agent": "ELB-HealthChecker/2.0"}, classPassive, false},
		{"websocket", "GET", map[string]string{"Upgrade": "websocket", "Connection": "keep-alive, Upgrade"}, classUpgrade, false},
		{"upgrade without connection", "GET", map[string]string{"Upgrade": "websocket"}, classFetch, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/session/a/", nil)
			for k, v := range tt.header {
				r.Header.Set(k, v)
			}
			got := classify(r)
			if got != tt.want {
				t.Errorf("classify = %v, want %v", got, tt.want)
			}
			if bg := isBackground(r, got); bg != tt.background {
				t.Errorf("isBackground = %v, want %v", bg, tt.background)
			}
		})
	}
}

// TestPageOnlyForNavigations walks every combination of method, Sec-Fetch-Mode,
// Sec-Fetch-Dest and Accept: only a navigation may get a page.
func TestPageOnlyForNavigations(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		for _, mode := range []string{"", "navigate", "cors", "no-cors", "same-origin", "websocket"} {
			for _, dest := range []string{"", "document", "iframe", "script", "style", "image", "empty", "font"} {
				for _, accept := range []string{"", "*/*", acceptBrowser, "application/json", "image/*"} {
					r := httptest.NewRequest(method, "/session/a/x", nil)
					for k, v := range map[string]string{"Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest, "Accept": accept} {
						if v != "" {
							r.Header.Set(k, v)
						}
					}
					navigation := method != "HEAD" && method != "OPTIONS" &&
						(mode == "navigate" || mode == "" && dest == "" && method == "GET" && accept == acceptBrowser)
					if got := classify(r) == classNavigation; got != navigation {
						t.Errorf("%s mode=%q dest=%q accept=%q: navigation = %v, want %v", method, mode, dest, accept, got, navigation)
					}
				}
			}
		}
	}
}
