// Package lease lets one of several replicas at a time do what two of them must
// not do at once.
//
// A [Lease] is a record that its holder writes anew again and again. No two
// machines' clocks are ever compared: a challenger takes over once it has itself
// seen the record unchanged for the whole TTL; a holder counts from before it
// sent its last write that succeeded, and holds for three quarters of the TTL
// only. The rest is for clocks that run at different rates. A holder that was
// stopped (SIGSTOP, a suspended machine) and goes on finds that it holds nothing,
// before it has asked anybody.
//
// What a holder has begun before its time was over can still end late. So work
// under a lease asks [Lease.Held] before each step, and each step is harmless if
// it comes late: a conditional write, or an idempotent call.
package lease
