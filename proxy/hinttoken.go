package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/webordinary/warmgate/proxy/route"
)

// maxTokens bounds the dev servers whose tokens are remembered.
const maxTokens = 10_000

// viteClient is the script that carries the token of a dev server's HMR socket:
// a random one for each start, without which Vite refuses the socket.
const viteClient = "/@vite/client"

// tokens remember which session's dev server gave out which HMR token, so that a
// socket whose path names no session finds its own: browsers send no Referer with
// it. A token only routes; the dev server is who looks at it. Safe for concurrent
// use.
type tokens struct {
	pages     *lru.Cache[string, tokenPage] // by token
	bySession *lru.Cache[string, string]    // the token of each session in pages
}

// tokenPage is where a token was given out.
type tokenPage struct{ id, host, prefix string }

func newTokens() *tokens {
	bySession, _ := lru.New[string, string](maxTokens) // errors are about sizes below 1
	pages, _ := lru.NewWithEvict(maxTokens, func(_ string, page tokenPage) { bySession.Remove(page.id) })
	return &tokens{pages: pages, bySession: bySession}
}

// learn keeps a token for the session that had it first, and the last one of each
// session: another site may write into its pages what it likes, as often as it likes.
func (t *tokens) learn(token string, page tokenPage) {
	if first, known, _ := t.pages.PeekOrAdd(token, page); known {
		if first.id == page.id { // perhaps by another host
			t.pages.Add(token, page)
		}
		return
	}
	if old, ok := t.bySession.Peek(page.id); ok {
		t.pages.Remove(old)
	}
	t.bySession.Add(page.id, token)
}

// page returns where the token of the socket that r asks for was given out, if
// that was on the same host.
func (t *tokens) page(r *http.Request) (tokenPage, bool) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return tokenPage{}, false
	}
	page, ok := t.pages.Get(query.Get("token"))
	return page, ok && strings.EqualFold(page.host, r.Host)
}

// learnsToken reports whether the answer may tell a token that some rule needs.
func (x *exchange) learnsToken() bool {
	return x.routing.hints && x.pool == nil && strings.HasSuffix(x.attempt.path, viteClient) && x.r.Method == http.MethodGet
}

// askForToken has the dev server send its client although the browser has it, as
// long as its token is not known.
func (x *exchange) askForToken(h http.Header) {
	if x.learnsToken() && !x.h.tokens.bySession.Contains(x.identity.ID) {
		h.Del("If-None-Match")
		h.Del("If-Modified-Since")
	}
}

// learnToken looks for the token in the answer as it passes.
func (x *exchange) learnToken(res *http.Response) {
	if !x.learnsToken() || res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != "" {
		return
	}
	tokens, page := x.h.tokens, tokenPage{id: x.identity.ID, host: x.r.Host, prefix: x.identity.Prefix}
	res.Body = &tokenBody{ReadCloser: res.Body, found: func(token string) { tokens.learn(token, page) }}
}

// followToken serves a socket whose path belongs to no session rule, but whose
// token to a session's page, as if it had been asked for below that page's prefix.
func (x *exchange) followToken() bool {
	if x.class != classUpgrade || !x.routing.hints {
		return false
	}
	from, ok := x.h.tokens.page(x.r)
	if !ok || from.prefix == "" {
		return false
	}
	page, rule, ok := x.routing.table.FromReferer("http://"+x.r.Host+from.prefix+"/", &x.facts)
	if !ok || page.ID != from.id {
		return false
	}
	action, ok := rule.Action.(*route.Session)
	if !ok {
		return false
	}
	x.take(rule)
	x.action = action
	x.identity = route.Identity{ID: page.ID, Prefix: page.Prefix, Rest: x.facts.Path}
	x.serveIdentified()
	return true
}

// identifyByToken is the hint for a socket at a session rule.
func (x *exchange) identifyByToken() (route.Identity, bool) {
	if x.class != classUpgrade {
		return route.Identity{}, false
	}
	from, ok := x.h.tokens.page(x.r)
	return route.Identity{ID: from.id, Rest: x.facts.Path}, ok
}

// What stands before the token in Vite's client, and how long a token may be.
const (
	beforeToken = `const wsToken = "`
	maxToken    = 128
)

// tokenBody looks for the token in what is read.
type tokenBody struct {
	io.ReadCloser
	found func(token string) // nil once it was called
	tail  []byte             // the end of what was read, which may be a begin
}

// Read implements io.Reader.
func (b *tokenBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.found != nil {
		b.look(p[:n])
	}
	return n, err
}

func (b *tokenBody) look(data []byte) {
	b.tail = append(b.tail, data...)
	at := bytes.Index(b.tail, []byte(beforeToken))
	if at < 0 {
		b.tail = append(b.tail[:0], b.tail[max(0, len(b.tail)-len(beforeToken)):]...)
		return
	}
	token := b.tail[at+len(beforeToken):]
	end := bytes.IndexByte(token, '"')
	switch {
	case end > 0 && end <= maxToken:
		b.found(string(token[:end]))
	case end < 0 && len(token) <= maxToken:
		b.tail = b.tail[at:]
		return
	}
	b.found, b.tail = nil, nil
}
