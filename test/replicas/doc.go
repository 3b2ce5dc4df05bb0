// Package replicas has what several replicas of Warmgate need around them on one machine: a plain balancer in front, the
// processes themselves, and a link to the table that can be cut. The tests of this package, behind the build tag e2e, run
// the built binary against DynamoDB Local and a fake ECS and let replicas meet each other, die, pause, and lose the table;
// `make run-aws` shows the same with a real site.
package replicas
