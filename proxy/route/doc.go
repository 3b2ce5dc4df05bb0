// Package route decides what happens to a request: an ordered table of rules
// with the meaning of listener rules of an AWS Application Load Balancer (ALB).
//
// A [Rule] has a priority, conditions and one action. A request takes the
// first rule, in ascending priority, whose conditions all hold (AND); a
// condition holds if any of its values matches (OR). The default rule comes
// last and has no conditions.
//
// Everything here is pure: a [Table] is immutable once made and safe for
// concurrent use, nothing is read but the [Request], and a reload is a new
// table behind the same pointer. Paths are the raw, percent-encoded bytes: they
// are never decoded, cleaned or merged, so what was judged is what is
// forwarded. [CheckPath] names the paths that two readers could understand
// differently.
//
// For a rule with a [Session] action, [Rule.Identify] finds the session id and
// the prefix that belongs to it, and [Table.FromReferer] does so for the page
// that a request says it comes from.
package route
