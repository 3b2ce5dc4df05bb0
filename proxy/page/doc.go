// Package page is what Warmgate's own HTML answers have in common: one layout,
// one style, one set of headers. A [Look] compiles a package's body template
// into a [Page], and a Page is written as one self-contained answer: no external
// file, and a Content-Security-Policy that admits our own style and script only,
// by their hashes.
package page
