// Package socket serves the websocket upgrades of session routes: it ends the
// browser's socket and the dev server's, and passes messages between the two.
//
// # The model
//
// A [Hub] takes an upgrade once the session is known ([Hub.Serve]) and answers
// at once, whatever the session does: no upgrade is ever held, because a browser
// runs one handshake at a time per host and a waiting one blocks all the others.
// What becomes of it depends on its [Kind] and on the session's backend:
//
//	           ready    asleep, warming   failed   over                unknown
//	HMR        piped    parked            parked   one reload, closed  404
//	Other      piped    503               502      404                 404
//	Ping       101      503               503      101                 101
//
// A piped socket has two legs, one to the browser and one to the dev server,
// and a goroutine that reads each. Messages stream through pooled buffers with
// their type kept; close codes and reasons go across in both directions; pings
// are answered on each leg, and our own find a dead peer. Compression is
// negotiated on neither leg: a deflate window costs more memory than a whole
// parked socket, and the messages of a dev server are short. Text is not
// checked for UTF-8; that is the endpoints' business (RFC 6455 8.1).
//
// A parked socket has lost its dev server, because the session sleeps, its task
// is gone or the dev server restarts, but keeps its browser leg open and silent,
// so that the tab neither polls nor wakes anything. One goroutine per session
// watches the backend: when it is ready again, every parked tab is told once to
// reload. The reloaded page opens a new socket.
//
// Sockets of kind Other cannot be parked. When their session falls asleep or
// ends they are closed with 1001 (going away: a new connection would be
// refused); when their task is replaced, and when this process drains, with 1012
// (service restart: a new connection finds a server). See RFC 6455 7.4.1 and the
// IANA registry of close codes.
//
// Nothing here ever wakes a session.
package socket
