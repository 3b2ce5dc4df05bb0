package page

import (
	"fmt"
	"strings"
)

// Options say how the pages may be used. The zero value is the default.
type Options struct {
	// FrameAncestors lists who may show the pages in a frame, as in the CSP
	// directive of that name: origins (https://edit.example.com,
	// https://*.example.com), "'self'", or "'none'" alone. Empty means "'self'".
	FrameAncestors []string
}

// Look is the shared layout and policy. Safe for concurrent use.
type Look struct {
	ancestors string
	frames    string
}

// New returns a Look, or says which option is wrong.
func New(o Options) (*Look, error) {
	ancestors := o.FrameAncestors
	if len(ancestors) == 0 {
		ancestors = []string{"'self'"}
	}
	for _, a := range ancestors {
		if err := checkAncestor(a, len(ancestors)); err != nil {
			return nil, err
		}
	}
	return &Look{ancestors: strings.Join(ancestors, " "), frames: frameOptions(ancestors)}, nil
}

// checkAncestor refuses what would be another directive or none at all
// (CSP Level 3, 6.4.2).
func checkAncestor(a string, n int) error {
	if a == "'none'" && n > 1 {
		return fmt.Errorf("frame ancestor %s stands alone or not at all", a)
	}
	if a == "'self'" || a == "'none'" {
		return nil
	}
	scheme, host, ok := strings.Cut(a, "://")
	if !ok || scheme != "http" && scheme != "https" || !isHostSource(host) {
		return fmt.Errorf("frame ancestor %q is neither an origin like https://edit.example.com nor 'self' or 'none'", a)
	}
	return nil
}

// isHostSource reports whether s is host[:port] with an optional leading "*.".
func isHostSource(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("-.:[]", c) < 0 {
			return false
		}
	}
	return true
}

// frameOptions says the same in X-Frame-Options for what is too old to know
// frame-ancestors, or "" where that header has no word for it (RFC 7034 2.1).
func frameOptions(ancestors []string) string {
	if len(ancestors) > 1 {
		return ""
	}
	switch ancestors[0] {
	case "'self'":
		return "SAMEORIGIN"
	case "'none'":
		return "DENY"
	}
	return ""
}
