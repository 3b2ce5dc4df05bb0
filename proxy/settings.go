package proxy

import "net/netip"

// Settings are what can change while a [Handler] serves.
type Settings struct {
	// TrustedProxies are believed what they say in X-Forwarded-*.
	TrustedProxies []netip.Prefix
	// Gone is where navigations to sessions that are over or unknown are
	// redirected; empty means a 404 page.
	Gone      string
	Forwarded Forwarded
	HTTPS     HTTPS
	Holds     HoldOptions
	Budgets   BudgetOptions
}

func (s Settings) withDefaults() Settings {
	s.Forwarded = s.Forwarded.withDefaults()
	s.Holds, s.Budgets = s.Holds.withDefaults(), s.Budgets.withDefaults()
	return s
}

// Configure puts other settings in place. Requests under way keep theirs;
// Budgets.Tracked stays as it was at first.
func (h *Handler) Configure(s Settings) {
	s = s.withDefaults()
	h.budgets.set(s.Budgets)
	h.settings.Store(&s)
}
