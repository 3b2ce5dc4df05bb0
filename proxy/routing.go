package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/static"
)

// routing is a rule table with what its actions need, by the rule's index. It is
// immutable; a reload puts another one in its place, and what the old one has open
// is closed behind the last request that uses it.
type routing struct {
	// users counts the requests under way, and one for the place in the Handler.
	users    atomic.Int64
	table    *route.Table
	forwards []*forwarding
	files    []*static.Handler
	counts   []*ruleCounters
	// hints: some rule routes by what a request's page, or socket's token, says.
	hints bool
	// transports lead to the rules' upstreams.
	transports []http.RoundTripper
	// unmatched counts what no rule has seen.
	unmatched *ruleCounters
}

// SetRoutes puts another table in place; requests under way keep theirs. Targets of
// forward rules that stay keep their health, those that go are drained. After an
// error nothing has changed.
func (h *Handler) SetRoutes(t *route.Table) error {
	r, err := h.newRouting(t)
	if err != nil {
		r.release()
		return err
	}
	r.forward(h.balancer)
	if old := h.table.Swap(r); old != nil {
		old.release()
	}
	return nil
}

// newRouting opens what the table's actions need. The routing has one user: the
// caller, also after an error.
func (h *Handler) newRouting(t *route.Table) (*routing, error) {
	r := &routing{
		table: t, forwards: make([]*forwarding, t.Len()), files: make([]*static.Handler, t.Len()),
		counts: make([]*ruleCounters, t.Len()), unmatched: h.metrics.countersOf(""),
		transports: make([]http.RoundTripper, t.Len()),
	}
	r.users.Store(1)
	for rule := range t.Rules() {
		r.counts[rule.Index()] = h.metrics.countersOf(rule.String())
		r.transports[rule.Index()] = h.transports.within(rule.Limits.ResponseTimeout)
		switch action := rule.Action.(type) {
		case *route.Session:
			r.hints = r.hints || action.UsesHint()
		case *route.Static:
			files, err := h.openFiles(action)
			if err != nil {
				return r, fmt.Errorf("route %s: %w", rule, err)
			}
			r.files[rule.Index()] = files
		}
	}
	return r, nil
}

// openFiles opens the folder or the bucket.
func (h *Handler) openFiles(action *route.Static) (*static.Handler, error) {
	o := static.Options{
		Fallback: action.Fallback, CacheControl: action.CacheControl,
		Index: action.Index, ErrorDocument: action.ErrorDocument,
	}
	if action.S3 == "" {
		return static.NewFolder(action.Dir, o, h.logger)
	}
	if h.bucket == nil {
		return nil, errors.New("buckets are not served here")
	}
	b, err := h.bucket(action)
	if err != nil {
		return nil, err
	}
	return static.NewBucket(b, o, h.logger)
}

// routing returns the routing in place, to be released by the request that uses it.
func (h *Handler) routing() *routing {
	for {
		r := h.table.Load()
		// One without users is closed: its place has just been taken.
		if n := r.users.Load(); n > 0 && r.users.CompareAndSwap(n, n+1) {
			return r
		}
	}
}

// release gives up the routing; the last user closes what it has open.
func (r *routing) release() {
	if r.users.Add(-1) > 0 {
		return
	}
	for _, files := range r.files {
		if files != nil {
			_ = files.Close() // nobody reads there any more
		}
	}
}
