// Package balance shares requests among fixed addresses as an ALB's target groups
// do: in turn or by the fewest requests under way, past the targets that fail
// their health checks, and drains what a reload takes out.
//
// A [Balancer] owns the groups. Its [Balancer.Replace] puts other ones in place:
// what stays the same keeps its health. Its [Balancer.Run] makes the checks.
//
// Where it is not the ALB's way (ALB user guide, "Target groups"): until its first
// check has passed, a target is checked twice a second, so that it gets in
// quickly; and a target that cannot be reached is left out for some seconds, with
// and without health checks.
package balance
