package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// internalBase is the folder below a session's prefix that is Warmgate's own.
const internalBase = "/.warmgate/"

// serveSession identifies the session and serves it.
func (x *exchange) serveSession(action *route.Session) {
	x.action = action
	identity, ok := x.rule.Identify(&x.facts)
	if !ok && action.UsesHint() {
		if x.followHint() {
			return
		}
		identity, ok = x.identifyByToken()
	}
	if !ok {
		x.gone(session.ErrNotFound)
		return
	}
	x.identity = identity
	if identity.Bare() {
		if x.class != classUpgrade {
			x.redirect(http.StatusPermanentRedirect, identity.SlashLocation(x.facts.Query))
			return
		}
		x.identity.Rest = "/"
	}
	x.serveIdentified()
}

// serveIdentified looks the session up, and forwards or takes the cold path.
func (x *exchange) serveIdentified() {
	if !x.rewriteTarget(x.sitePath()) {
		return
	}
	s, err := x.lookup()
	if err != nil {
		x.withoutSession(err)
		return
	}
	x.line.session(&s)
	x.live = x.h.registry.Acquire(&s)
	defer func() {
		x.live.Release()
		x.live = nil
	}()
	x.live.Observe(&s)
	switch {
	case strings.HasPrefix(x.identity.Rest, internalBase):
		x.serveInternal(x.identity.Rest[len(internalBase):])
	case x.class == classUpgrade:
		x.serveUpgrade()
	default:
		x.serveRequest()
	}
}

// lookup finds the session that the identity names. Errors as session.Manager's
// Lookup; *session.RefusedError if the address has asked for too many unknown ids.
func (x *exchange) lookup() (session.Session, error) {
	id, err := session.ParseID(x.identity.ID)
	if err != nil {
		return session.Session{}, session.ErrNotFound
	}
	if !x.action.AllowGuessable && !id.LooksRandom() {
		return session.Session{}, errGuessable
	}
	if wait, ok := x.h.budgets.missesLeft(x.origin.client); !ok && !x.h.registry.Has(id) {
		x.h.metrics.refused.WithLabelValues("misses").Inc()
		return session.Session{}, &session.RefusedError{What: "too many unknown sessions were asked for", RetryAfter: wait}
	}
	s, err := x.h.sessions.Lookup(x.r.Context(), id)
	if errors.Is(err, session.ErrNotFound) {
		x.h.budgets.spendMiss(x.origin.client)
	}
	if err == nil && !x.mayServe(&s) {
		return session.Session{}, session.ErrNotFound
	}
	return s, err
}

// errGuessable: the rule serves ids that nobody guesses only. From outside there is
// no such session; the access log says more.
var errGuessable = fmt.Errorf("the id can be guessed, and the rule has no allow_guessable: %w", session.ErrNotFound)

// mayServe reports whether the session is one of the rule's: of its pool, and of
// the client that the request names where a template puts both together: a-b and c
// make the same id as a and b-c.
func (x *exchange) mayServe(s *session.Session) bool {
	if x.action.Pool != "" && s.Pool != "" && s.Pool != x.action.Pool {
		return false
	}
	client := x.rule.Client(&x.facts)
	return client == "" || s.ClientID == "" || strings.EqualFold(client, string(s.ClientID))
}

// withoutSession answers a request whose session is unknown, over, or cannot be
// looked up now.
func (x *exchange) withoutSession(err error) {
	switch {
	case x.class == classUpgrade:
		x.refuseUpgrade(err)
	case errors.Is(err, session.ErrNotFound), errors.Is(err, session.ErrExpired):
		x.gone(err)
	default:
		x.fail(err)
	}
}

// serveRequest forwards a plain request, or takes the cold path while no target
// is ready. A target that turns out to be gone before it has seen the request
// sends the request on the cold path, too, as often as the time allows.
func (x *exchange) serveRequest() {
	deadline := time.Now().Add(x.holdTimeout())
	for {
		b, ok := x.live.Enter()
		if !ok {
			if !x.awaitTarget(deadline) {
				return
			}
			continue
		}
		err := x.forwardTo(b)
		if err == nil || !x.again(b, err, deadline) {
			return
		}
	}
}

// forwardTo forwards to the target of b, which the caller has entered.
func (x *exchange) forwardTo(b *session.Backend) error {
	defer x.live.Leave() // also when the copy of a body breaks off, which panics
	return x.forwardToTask(b)
}

// forwardToTask is forwardTo without the leaving.
func (x *exchange) forwardToTask(b *session.Backend) error {
	addr, ok := b.Target.Address(x.rule.Port(x.action, x.identity.Rest))
	if !ok {
		return &session.InvalidError{Field: "port", Reason: "the " + x.subject() + "'s task has no such port"}
	}
	x.line.Target = addr
	return x.forward(attempt{
		scheme: "http", addr: addr, path: x.path, host: x.askedHost(addr, x.action.Host == route.HostPreserve),
	})
}

// sitePath is the path that the site is asked for unless a rewrite changes it.
func (x *exchange) sitePath() string {
	if x.action.Prefix == route.PrefixKeep {
		return x.facts.Path
	}
	return x.identity.Rest
}

// again deals with an attempt that got no answer: it reports whether the request
// is to be tried again, else it has answered.
func (x *exchange) again(b *session.Backend, err error, deadline time.Time) bool {
	what := x.failureOf(err)
	unseen := what == failureUnreached || what == failureBroken && x.repeatable()
	if what == failureUnreached || what == failureBroken {
		x.h.backends.Suspect(x.live, b.Target)
	}
	if unseen && time.Now().Before(deadline) && x.leavesTarget(b) {
		return true
	}
	x.attemptFailed(what, err)
	return false
}

// repeatable reports whether the request can be sent again without harm.
func (x *exchange) repeatable() bool {
	return x.r.ContentLength == 0 && len(x.r.TransferEncoding) == 0 &&
		(x.r.Method == http.MethodGet || x.r.Method == http.MethodHead || x.r.Method == http.MethodOptions)
}

// suspectTime is how long a target that could not be reached may stay ready
// before the request is answered with an error.
const suspectTime = 2 * time.Second

// leavesTarget waits until the session's target is no longer the one of b.
func (x *exchange) leavesTarget(b *session.Backend) bool {
	timer := time.NewTimer(suspectTime)
	defer timer.Stop()
	for {
		now, changed := x.live.Backend()
		if now.Phase != session.PhaseReady || now.Target.TaskID != b.Target.TaskID {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-x.r.Context().Done():
			return false
		}
	}
}

func (x *exchange) holdTimeout() time.Duration {
	return cmp.Or(x.rule.Limits.HoldTimeout, x.settings.Holds.Timeout)
}

func (x *exchange) pageGrace() time.Duration {
	return cmp.Or(x.rule.Limits.PageGrace, x.settings.Holds.PageGrace)
}
