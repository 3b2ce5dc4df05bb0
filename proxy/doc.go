// Package proxy is the data plane: it takes a request, finds its rule, and for
// session rules the session, and forwards, holds, or answers.
//
// A request goes one way, without return (file names in brackets):
//
//	guard (guard.go)       what no rule may see: TRACE, CONNECT, ambiguous paths
//	route (handler.go)     the rule and its action
//	session (session.go)   identify, look up, admit
//	forward (exchange.go)  httputil.ReverseProxy over one shared Transport; the request's
//	                       body (body.go), names of hosts (host.go), what path mode
//	                       rewrites (pathmode.go), websockets of forward rules (tunnel.go)
//	cold path (cold.go, wait.go)  page, hold, card or refusal while no target is ready
//
// An exchange carries what belongs to one request. Exchanges are pooled, each
// with a ReverseProxy of its own whose hooks are bound once, so that forwarding
// costs no closures.
package proxy
