package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/webordinary/warmgate/proxy/problem"
)

// GuardOptions say who may call.
type GuardOptions struct {
	// Token is the bearer token (RFC 6750 2.1). Required.
	Token string
	// Hosts are host names, without ports, that the Host header may have besides
	// localhost and the loopback addresses.
	Hosts []string
	// SameOrigin lets pages of the very origin call that is called. Only for an
	// origin that serves nothing but our own pages.
	SameOrigin bool
}

// Guard decides who may call. Safe for concurrent use.
type Guard struct {
	token      [sha256.Size]byte
	hosts      atomic.Pointer[map[string]bool]
	sameOrigin bool
}

// NewGuard returns a Guard.
func NewGuard(o GuardOptions) (*Guard, error) {
	if o.Token == "" {
		return nil, errors.New("the management API needs a token")
	}
	g := &Guard{token: sha256.Sum256([]byte(o.Token)), sameOrigin: o.SameOrigin}
	g.SetHosts(o.Hosts)
	return g, nil
}

// SetHosts takes the place of [GuardOptions.Hosts].
func (g *Guard) SetHosts(hosts []string) {
	known := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		known[strings.ToLower(h)] = true
	}
	g.hosts.Store(&known)
}

// Protect lets a request through to next if it comes by a known host name, not
// from a foreign browser page, and with the token.
func (g *Guard) Protect(next http.Handler) http.Handler {
	return g.Host(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.fromPage(r):
			problem.WriteJSON(w, r, problem.New(http.StatusForbidden, "A browser page may not call this."))
		case !g.hasToken(r):
			w.Header().Set("WWW-Authenticate", `Bearer realm="warmgate"`)
			problem.WriteJSON(w, r, problem.New(http.StatusUnauthorized, "A valid bearer token is needed."))
		default:
			next.ServeHTTP(w, r)
		}
	}))
}

// Host lets a request through to next if its Host is a known name: a page of any
// site whose name resolves to this machine has its own name there.
func (g *Guard) Host(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.knownHost(r.Host) {
			// RFC 9110 15.5.20: not a host that this server answers for.
			problem.WriteJSON(w, r, problem.New(http.StatusMisdirectedRequest, "The management API is not called by this host name (admin.hosts)."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (g *Guard) knownHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() {
		return true
	}
	return host == "localhost" || (*g.hosts.Load())[host]
}

// fromPage reports whether a browser page sent the request that may not. Browsers
// say so in Sec-Fetch-Site, and in Origin on everything but plain GETs.
func (g *Guard) fromPage(r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site == "" && origin == "" {
		return false
	}
	if !g.sameOrigin {
		return true
	}
	if origin != "" {
		u, err := url.Parse(origin)
		return err != nil || !strings.EqualFold(u.Host, r.Host)
	}
	return site != "same-origin" && site != "none"
}

func (g *Guard) hasToken(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}
