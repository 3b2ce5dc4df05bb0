// Package process is the driver that runs tasks as child processes of this one,
// on the loopback interface: real dev servers on one machine.
//
// Every task is a process group of its own and has a marker in its environment
// (WARMGATE_TASK). What runs is written to the state folder, so that the
// children of a process that was killed are found by the next one, by process
// id, start time and marker, and stopped. A stranger that was given the same
// process id in the meantime is left alone.
//
// It works on Unix systems; elsewhere [New] returns an error.
package process
