// Package warming shows a person what happens while their session has no ready
// target: the warming page, the error page of a failed start, and the live
// channel behind both.
//
// A page is complete without a script: it refreshes itself, and its retry button
// is a form. With a script it follows [Pages.Events], a stream of server-sent
// events, while it is visible, and [Pages.Status], the same snapshot as JSON,
// while it is hidden or where streams do not get through (browsers open six
// connections to a host over HTTP/1.1; a hidden tab must not take one). When the
// start is over it reloads its address once, with path, query and fragment kept.
//
// All that the pages show comes from a [session.Backend]. Nothing here wakes a
// session or counts as its activity.
package warming
