// Package ecs has the drivers whose tasks run on AWS Fargate.
//
// A [TaskDriver] starts and stops each task itself (RunTask, StopTask). The
// identity of a task is its ARN. Everything another replica has to know of it is
// in its tags, so that replicas need nothing but ECS to find each other's tasks.
//
// A [ServiceDriver] sets the desired count of services that exist (UpdateService).
// ECS chooses which task it stops, so that the wanted tasks are slots in a
// versioned record of the store: a slot is bound to a task for good, and the
// task serves once its protection from scale-in is confirmed.
//
// Both ask ECS for all their tasks together, each second while one starts or
// stops, each 10 s otherwise, and at once when they are asked. An error of ECS
// never makes them take a task for lost.
package ecs
