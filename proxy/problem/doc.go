// Package problem is the one table from errors to answers. [From] and
// [FromUpstream] turn an error into a [Problem]: a status, and words that are
// safe to show. A Problem is written as application/problem+json (RFC 9457) to
// programs, and as a page to people.
//
// An unknown session and one that is over have the same answer, byte for byte,
// so that ids cannot be told apart from outside.
package problem
