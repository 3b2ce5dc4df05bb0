package balance

import "time"

// drain takes the target out: no request goes to it any more, and those under way
// are cut off after the group's drain timeout, if Run still does. b.mu is held.
func (b *Balancer) drain(t *Target) {
	t.state, t.reason = Draining, reasonDraining
	if t.stop != nil {
		t.stop()
	}
	if b.running == nil {
		return
	}
	b.draining[t] = time.AfterFunc(t.group.config.DrainTimeout, func() { b.endDrain(t) })
}

// endDrain cuts off what is left. The connections of an address that a target of
// now has, too, are left alone.
func (b *Balancer) endDrain(t *Target) {
	b.mu.Lock()
	_, due := b.draining[t] // else Run has ended
	delete(b.draining, t)
	left := t.outstanding.Load()
	cut := due && left > 0 && !b.serves(t.dialAddr())
	b.mu.Unlock()
	if !cut {
		return
	}
	b.options.Logger.Warn("cut the requests that did not end while their target was drained",
		"upstream", t.group.name, "target", t.Addr, "requests", left)
	b.options.Cut(t.dialAddr())
}

// serves reports whether a group has a target at the address. b.mu is held.
func (b *Balancer) serves(addr string) bool {
	for _, g := range b.groups {
		for _, t := range g.targets {
			if t.dialAddr() == addr {
				return true
			}
		}
	}
	return false
}
