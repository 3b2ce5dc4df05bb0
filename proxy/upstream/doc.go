// Package upstream is the RoundTripper between the proxy and the sites.
//
// [http.Transport] serves every kind of request, and pays for it with two
// goroutines a connection and the hand-overs between them. Most requests of a
// dev server's page are plain GETs without a body, and need none of that:
// [Transport] writes such a request and reads its answer on the goroutine that
// asks, over a pool of its own. Everything else (bodies, upgrades, https) goes to
// an http.Transport that shares the settings.
package upstream
