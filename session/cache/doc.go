// Package cache stands between the request path and a [session.Store].
//
// [Cache] is an LRU in front of any store, and a store itself. A session is
// served from memory while it is fresh and is read again in the background
// before it is not, so that a busy session never waits for the store. While the
// store is down, what was read before it went down is served on.
//
// [Extender] writes activity: at most one write per session in a touch interval,
// whatever the request rate, retried until the store takes it.
package cache
