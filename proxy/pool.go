package proxy

import (
	"net/http"
	"strings"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/socket"
	"github.com/webordinary/warmgate/proxy/warming"
	"github.com/webordinary/warmgate/session"
)

// poolTarget is a pool that a forward rule uses. Its own record is to it what a
// session's is to a session: it is woken, held for and served in the same way.
type poolTarget struct {
	id session.ID
	// action is how the pool's task is forwarded to: with the path unchanged.
	action route.Session
	// page is what stands before the calls of the pool's pages, so that they are not
	// taken for those of the rule's first pool, whose is "".
	page string
}

func newPoolTarget(g *route.ForwardGroup, host route.HostMode) *poolTarget {
	if host == "" {
		host = route.HostPreserve
	}
	return &poolTarget{
		id:     session.PoolID(g.Pool),
		action: route.Session{Pool: g.Pool, Port: g.Port, Prefix: route.PrefixKeep, Host: host, NoRewrite: true},
	}
}

// servePool forwards to the pool's task or takes the cold path.
func (x *exchange) servePool(p *poolTarget) {
	if !x.enterPool(p) {
		return
	}
	defer x.leavePool()
	if x.class == classUpgrade {
		x.servePoolUpgrade()
		return
	}
	x.serveRequest()
}

// servePoolPage answers the calls that the warming page of one of the rule's pools
// makes. It reports whether the request is one.
func (x *exchange) servePoolPage(pools []*poolTarget) bool {
	at := strings.LastIndex(x.asked, internalBase)
	if at < 0 || namesHost(x.asked) {
		return false
	}
	base, call := x.asked[:at], x.asked[at+len(internalBase):]
	p := pools[0]
	for _, other := range pools {
		if other.page != "" && strings.HasSuffix(base, other.page) {
			p = other
		}
	}
	if x.enterPool(p) {
		defer x.leavePool()
		x.identity.Prefix = strings.TrimSuffix(base, p.page)
		x.serveInternal(call)
	}
	return true
}

// enterPool makes the pool's record the session of the exchange; false if it has
// answered instead.
func (x *exchange) enterPool(p *poolTarget) bool {
	s, err := x.h.sessions.Pool(x.r.Context(), p.id)
	if err != nil {
		x.fail(err)
		return false
	}
	x.action, x.pool = &p.action, p
	if x.class == classPassive && isPreflight(x.r) {
		x.class = classFetch // the call that it announces would never come to wake anything
	}
	x.live = x.h.registry.Acquire(&s)
	x.live.Observe(&s)
	return true
}

func (x *exchange) leavePool() {
	x.live.Release()
	x.live = nil
}

// servePoolUpgrade passes a websocket through to the pool's task. It never waits
// and never wakes. Only the sockets of a dev server's client are treated as a
// session's are.
func (x *exchange) servePoolUpgrade() {
	if socket.KindOf(x.r) != socket.Other {
		x.serveUpgrade()
		return
	}
	b, ok := x.live.Enter()
	if !ok {
		x.w.Header().Set("Connection", "close")
		if b, _ := x.live.Backend(); b.Phase == session.PhaseFailed {
			x.startFailed(b)
			return
		}
		x.fail(&session.RefusedError{What: "the service is not ready for a websocket", RetryAfter: defaultRetryAfter})
		return
	}
	// It is counted as a socket, not as a request, for whose end a stop would wait.
	x.live.Sockets().Add(1)
	defer x.live.Sockets().Add(-1)
	x.live.Leave()
	live, toucher := x.live, x.h.toucher
	defer x.openTunnel(func() { toucher.Touch(live, session.Activity{At: time.Now(), Kind: session.Call}) })()
	if err := x.forwardToTask(b); err != nil {
		what := x.failureOf(err)
		if what == failureUnreached || what == failureBroken {
			x.h.backends.Suspect(x.live, b.Target)
		}
		x.attemptFailed(what, err)
	}
}

// pageBase is where the page's calls go: below what names the session, or below
// poolBase; false if nowhere.
func (x *exchange) pageBase() (base string, ok bool) {
	if x.pool == nil {
		return x.identity.Prefix, true
	}
	base, ok = x.poolBase()
	return base + x.pool.page, ok
}

// namesHost reports whether a browser would take what begins the path for a host
// (RFC 3986 4.2, "network-path reference").
func namesHost(path string) bool { return strings.HasPrefix(path, "//") }

// poolBase is the shortest beginning of the path below which the rule takes the
// calls of its pools' pages; false if there is none that stays on this host.
func (x *exchange) poolBase() (base string, ok bool) {
	switch {
	case namesHost(x.asked):
		return "", false
	case strings.Contains(x.asked, internalBase): // it is one of the calls
		return x.identity.Prefix, true
	}
	facts := route.FromHTTP(x.r, x.origin.client)
	facts.Method, facts.Query = http.MethodGet, ""
	for i := range len(x.asked) {
		if x.asked[i] != '/' {
			continue
		}
		facts.Path = x.asked[:i] + warming.StatusPath
		if rule, ok := x.routing.table.Match(&facts); ok && rule == x.rule {
			return x.asked[:i], true
		}
	}
	return "", false
}

// subject is what the exchange's record stands for, in texts for people.
func (x *exchange) subject() string {
	if x.pool != nil {
		return "service"
	}
	return "session"
}
