package balance

import (
	"cmp"
	"maps"
	"slices"

	"github.com/webordinary/warmgate/proxy/route"
)

// Status is what is known of a group.
type Status struct {
	// Name is the upstream's, or says which rule has it for itself.
	Name      string
	Algorithm route.Algorithm
	// Targets are in the order of the configuration, those being drained behind.
	Targets []TargetStatus
}

// TargetStatus is what is known of a target.
type TargetStatus struct {
	URL   string
	State State
	// Reason says why State is not Healthy.
	Reason string
	// Outstanding counts the requests under way, upgraded connections among them.
	Outstanding int
}

// Status returns what is known of all groups, ordered by name. A group that a
// reload has removed is listed while requests to it are under way.
func (b *Balancer) Status() []Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	byName := make(map[string]*Status)
	for name, g := range b.groups {
		s := &Status{Name: name, Algorithm: g.config.Algorithm}
		for _, t := range g.targets {
			s.Targets = append(s.Targets, t.status())
		}
		byName[name] = s
	}
	drained := slices.SortedFunc(maps.Keys(b.draining), func(x, y *Target) int { return cmp.Compare(x.Addr, y.Addr) })
	for _, t := range drained {
		if t.outstanding.Load() == 0 {
			continue
		}
		s := byName[t.group.name]
		if s == nil {
			s = &Status{Name: t.group.name, Algorithm: t.group.config.Algorithm}
			byName[s.Name] = s
		}
		s.Targets = append(s.Targets, t.status())
	}
	var list []Status
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, *byName[name])
	}
	return list
}

// status is part of Status. Balancer.mu is held.
func (t *Target) status() TargetStatus {
	s := TargetStatus{
		URL: t.Scheme + "://" + t.Addr, State: t.state, Reason: t.reason, Outstanding: int(t.outstanding.Load()),
	}
	if t.resting && t.state != Draining && t.state != Unhealthy {
		s.Reason = reasonUnreached
	}
	return s
}
