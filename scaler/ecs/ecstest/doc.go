// Package ecstest is a fake of Amazon ECS that speaks its wire protocol (AWS
// JSON 1.1) to the real client of the SDK: tasks with scripted delays and
// failures, services that start and stop tasks by their desired count, scale-in
// protection, idempotency tokens, throttling, Spot loss, eventual consistency,
// and the part of Application Auto Scaling that tells of a service's policies.
//
// A task's container is a function, which listens on the task's own loopback
// address (127.x.y.z) or runs a process there. A [Fake] is an [http.Handler] for
// a listener, and an HTTP client ([Fake.Do]) for a test in a synctest bubble.
package ecstest
