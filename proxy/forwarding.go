package proxy

import (
	"fmt"

	"github.com/webordinary/warmgate/proxy/balance"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/session"
)

// forwarding is what a forward rule's requests are shared among.
type forwarding struct {
	wheel  *balance.Wheel
	shares []share
	pools  []*poolTarget // of the shares
}

// share is where a part of a forward rule's requests goes: one of the two.
type share struct {
	group *balance.Group
	pool  *poolTarget
}

// forward gives the forward rules their groups of targets.
func (r *routing) forward(b *balance.Balancer) {
	upstreams := make(map[string]*route.Upstream)
	for rule := range r.table.Rules() {
		if action, ok := rule.Action.(*route.Forward); ok {
			for _, g := range action.Groups {
				if g.Upstream != nil {
					upstreams[groupName(rule, g.Upstream)] = g.Upstream
				}
			}
		}
	}
	groups := b.Replace(upstreams)
	for rule := range r.table.Rules() {
		if action, ok := rule.Action.(*route.Forward); ok {
			r.forwards[rule.Index()] = newForwarding(rule, action, groups)
		}
	}
}

func newForwarding(rule *route.Rule, action *route.Forward, groups map[string]*balance.Group) *forwarding {
	f := &forwarding{}
	weights := make([]int, len(action.Groups))
	for i, g := range action.Groups {
		weights[i] = g.Weight
		if g.Upstream != nil {
			f.shares = append(f.shares, share{group: groups[groupName(rule, g.Upstream)]})
			continue
		}
		pool := newPoolTarget(&g, action.Host)
		if len(f.pools) > 0 && g.Pool != f.pools[0].action.Pool {
			pool.page = internalBase + g.Pool
		}
		f.shares = append(f.shares, share{pool: pool})
		f.pools = append(f.pools, pool)
	}
	f.wheel = balance.NewWheel(weights)
	return f
}

// groupName is the upstream's name, or says whose it is: no upstream's name has a
// space.
func groupName(rule *route.Rule, u *route.Upstream) string {
	if u.Name == "" {
		return "route " + rule.String()
	}
	return u.Name
}

// errNoWeight: a forward rule gives none of its groups a share.
var errNoWeight = fmt.Errorf("no group of the rule has a weight above 0: %w", session.ErrUnavailable)

// serveForward passes the request on, unchanged, to the group whose turn it is.
func (x *exchange) serveForward(action *route.Forward, f *forwarding) {
	if len(f.pools) > 0 && x.servePoolPage(f.pools) {
		return
	}
	i, ok := f.wheel.Next()
	switch {
	case !ok:
		x.fail(errNoWeight)
	case f.shares[i].pool != nil:
		x.servePool(f.shares[i].pool)
	default:
		x.serveGroup(f.shares[i].group, action.Host != route.HostUpstream)
	}
}

// serveGroup forwards to one of the group's targets. If it cannot be reached the
// next one is tried, as often as there are targets.
func (x *exchange) serveGroup(g *balance.Group, keepHost bool) {
	if x.class == classUpgrade {
		defer x.openTunnel(nil)()
	}
	for t := range g.InTurn() {
		err := x.forwardToTarget(t, keepHost)
		if err == nil {
			return
		}
		if what := x.failureOf(err); what != failureUnreached {
			x.attemptFailed(what, err)
			return
		}
		t.Unreached()
	}
	x.attemptFailed(failureUnreached, x.err)
}

// forwardToTarget makes one attempt, counted as under way until the answer's end.
func (x *exchange) forwardToTarget(t *balance.Target, keepHost bool) error {
	t.Begin()
	defer t.Done() // also when the copy of a body breaks off, which panics
	x.line.Target = t.Addr
	return x.forward(attempt{scheme: t.Scheme, addr: t.Addr, path: x.path, host: x.askedHost(t.Addr, keepHost)})
}
