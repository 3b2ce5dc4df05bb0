// Package bolt keeps sessions and records in one file on this machine. It is
// the default store.
//
// A write that is acknowledged is on the disk. Writes that come at the same time
// share one commit. Look-ups and lists read in short transactions of their own,
// so that a slow reader of a list holds nothing up.
package bolt
