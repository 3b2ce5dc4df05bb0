// Package api is the management API: it activates, shows, keeps alive and ends
// sessions. It speaks JSON, and application/problem+json (RFC 9457) when
// something is wrong.
//
//	POST /api/sessions/activate            make a session exist and awake
//	GET  /api/sessions                     all living sessions, in pages
//	GET  /api/sessions/client/{clientId}   the living sessions of a client
//	GET  /api/sessions/{id}/status         everything about one
//	POST /api/sessions/{id}/keepalive      extend its life
//	POST /api/sessions/{id}/deactivate     end it
//
// An id with characters that mean something in a URL ("#") is percent-encoded.
//
// [Handler] is the API by itself; [Guard] decides who reaches it. A browser is
// no client of the API: a page on any site, or in any session, could make it
// call. So there is a bearer token and never a cookie, the Host must be a known
// name (else a foreign name that resolves to this machine would do), and what a
// browser page sends is refused.
package api
