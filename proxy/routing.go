package proxy

import (
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/static"
)

// routing is a rule table with what its actions need, by the rule's index. It is
// immutable; a reload puts another one in its place.
type routing struct {
	table  *route.Table
	groups []*targetGroup
	files  []http.Handler
	counts []*ruleCounters
	// unmatched counts what no rule has seen.
	unmatched *ruleCounters
}

// SetRoutes puts another table in place; requests under way keep theirs.
func (h *Handler) SetRoutes(t *route.Table) error {
	r := &routing{
		table: t, groups: make([]*targetGroup, t.Len()), files: make([]http.Handler, t.Len()),
		counts: make([]*ruleCounters, t.Len()), unmatched: h.metrics.countersOf(""),
	}
	for rule := range t.Rules() {
		r.counts[rule.Index()] = h.metrics.countersOf(rule.String())
		switch action := rule.Action.(type) {
		case *route.Forward:
			if action.Pool != "" {
				return fmt.Errorf("route %s: forward to a pool is not supported yet; name its urls", rule)
			}
			r.groups[rule.Index()] = newTargetGroup(action.URLs)
		case *route.Static:
			files, err := static.NewFolder(action.Dir, static.Options{
				Fallback: action.Fallback, CacheControl: action.CacheControl,
			}, h.logger)
			if err != nil {
				return fmt.Errorf("route %s: %w", rule, err)
			}
			r.files[rule.Index()] = files
		}
	}
	h.table.Store(r)
	return nil
}

// targetGroup is a set of fixed addresses, taken in turn.
type targetGroup struct {
	targets []fixedTarget
	next    atomic.Uint64
}

// fixedTarget is an upstream as its URL names it: without a port, addr means the
// scheme's own.
type fixedTarget struct{ scheme, addr string }

func newTargetGroup(urls []string) *targetGroup {
	g := &targetGroup{}
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil {
			continue // package route has checked them
		}
		g.targets = append(g.targets, fixedTarget{scheme: u.Scheme, addr: u.Host})
	}
	return g
}

// inTurn yields every target once; the first is another one each time.
func (g *targetGroup) inTurn() iter.Seq[fixedTarget] {
	return func(yield func(fixedTarget) bool) {
		first := g.next.Add(1) - 1
		for i := range uint64(len(g.targets)) {
			if !yield(g.targets[(first+i)%uint64(len(g.targets))]) {
				return
			}
		}
	}
}
