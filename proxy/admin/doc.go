// Package admin is the admin listener's handler: the status page, the management
// API, /metrics, /debug/pprof, and the health checks, which the health listener
// serves as well.
//
// Only the health checks and the empty page are open; everything that tells or
// does something goes through the [Guard].
package admin
