package route

import (
	"net/http"
	"strings"
)

// FromReferer finds the session of the page that referer, the header's value,
// names: the page's URL is tried against the table as if it were asked for by the
// same client. It must be on the host of req. The result is a routing hint and
// never permits anything: a page can write any path of its origin there.
func (t *Table) FromReferer(referer string, req *Request) (Identity, *Rule, bool) {
	page := Request{Method: http.MethodGet, Header: req.Header, Peer: req.Peer}
	var ok bool
	if page.Host, page.Path, page.Query, ok = splitURL(referer); !ok {
		return Identity{}, nil, false
	}
	pageHost, _ := splitHost(page.Host)
	host, _ := splitHost(req.Host)
	if !strings.EqualFold(pageHost, host) || CheckPath(page.Path) != nil {
		return Identity{}, nil, false
	}
	rule, ok := t.Match(&page)
	if !ok {
		return Identity{}, nil, false
	}
	id, ok := rule.Identify(&page)
	if !ok {
		return Identity{}, nil, false
	}
	return id, rule, true
}

// splitURL cuts an absolute http(s) URL into its parts without decoding them.
func splitURL(raw string) (host, path, query string, ok bool) {
	rest, ok := strings.CutPrefix(raw, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(raw, "http://"); !ok {
			return "", "", "", false
		}
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ = strings.Cut(rest, "?")
	i := strings.IndexByte(rest, '/')
	if i < 0 {
		return rest, "/", query, rest != ""
	}
	return rest[:i], rest[i:], query, i > 0
}
