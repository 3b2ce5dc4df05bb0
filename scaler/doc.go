// Package scaler starts, watches and stops the tasks that serve sessions. It
// implements [session.Backends].
//
// # The model
//
// A [Pool] is the unit of configuration: a key template, a [Driver], a policy.
// One value of the key is a group: its tasks and the sessions assigned to them.
// A key with {session} gives each session one task of its own; any other key is
// shared, and the most counts of what [Steps] say for so many sessions, what the
// hour asks for ([Warm]) and what CPU utilisation does. Ceilings (of the pool, of
// all pools, of a client's [Limits]) stand above that; starts take turns at the
// launch rate.
//
// A task goes through its life in one goroutine: started by the driver, probed
// until its site answers, ready, doomed, stopped until the driver confirms. A
// doomed task is never assigned again.
//
// A session that this scaler deals with is tracked. Its stored record changes
// only while its lane is held, one transition at a time; what it looks like to
// waiting requests (the [session.Backend] snapshot) is derived from the tracked
// state in one place.
//
//	asleep --Wake--> warming --site answers--> serving --idle--> dozing --doom--> asleep
//	                    |                         |                 `--Wake--> serving
//	                    `--> failed (back-off)    `--task is gone--> asleep
//
// Everything is level-triggered: a sweep decides what each session needs, a
// reconcile compares driver, store and memory, and what failed is tried again.
package scaler
