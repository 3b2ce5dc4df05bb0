//go:build unix

package process

import (
	"errors"
	"syscall"
	"time"
)

// groupCheck is how often a process group is looked at while it ends: the
// system tells of the end of our own child only, not of its children.
const groupCheck = 20 * time.Millisecond

// signalGroup sends sig to all processes of the group.
func signalGroup(pgid int, sig syscall.Signal) {
	_ = syscall.Kill(-pgid, sig) // nobody left is what we want
}

// groupAlive reports whether the group has a process that has not ended.
func groupAlive(pgid int) bool {
	if errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH) {
		return false
	}
	return groupHasRunning(pgid)
}

// endGroup ends all processes of the group: SIGTERM, after the timeout SIGKILL.
// It returns once none is left, or false if some stay even so.
func endGroup(pgid int, timeout time.Duration) bool {
	const afterKill = 5 * time.Second
	signalGroup(pgid, syscall.SIGTERM)
	if awaitGroup(pgid, timeout) {
		return true
	}
	signalGroup(pgid, syscall.SIGKILL)
	return awaitGroup(pgid, afterKill)
}

func awaitGroup(pgid int, timeout time.Duration) bool {
	for end := time.Now().Add(timeout); groupAlive(pgid); time.Sleep(groupCheck) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
