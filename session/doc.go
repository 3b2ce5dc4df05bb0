// Package session is Warmgate's domain: an edit session, the states it goes
// through, what counts as its activity, and the store that keeps it. It imports
// the standard library only; every other package depends on it.
//
// # The model
//
// A [Session] is the stored record. Its [Status] changes only by a [Change], a
// conditional write that a [Store] applies atomically and that every replica
// may attempt: the first one wins, the others get [ErrConflict] and read again.
// The changes that exist are the constructors in lifecycle.go; [Transition]
// says which of them are legal.
//
//	inactive --Wake--> initializing --Ready--> active --Sleep--> inactive
//	                        |                    |                  |
//	                        `--Fail--> error     `------Lost--------'
//	any live status --Drain--> draining --End--> expired
//	any live status --Expire (TTL over)--------> expired
//
// A [Live] is what this replica alone knows of a session: the [Backend]
// snapshot (which phase a start is in, where requests go), the requests and
// sockets under way, and the activity that is not written yet. The [Registry]
// hands it out; it exists while somebody holds it.
//
// [Clocks] decides, from plain values and a given time, what counts as activity
// and when a session sleeps or expires. [Manager] is the set of use cases that
// the management API and the proxy call.
package session
