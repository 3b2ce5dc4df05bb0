package process

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// identity returns what distinguishes the process from any other that has or
// will have its id: boot and start time.
func identity(pid int) (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	st, err := readStat(pid)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(boot)) + "/" + st.started, nil
}

// stat is what proc(5) says of a process in /proc/PID/stat.
type stat struct {
	state   byte
	group   int
	threads string
	started string
}

func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// Fields after the command name, which is in parentheses and may contain any.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	const numThreads, startTime = 20 - 3, 22 - 3 // by their numbers there; the first one here is field 3
	if len(fields) <= startTime {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	group, err := strconv.Atoi(string(fields[2]))
	return stat{
		state: fields[0][0], group: group,
		threads: string(fields[numThreads]), started: string(fields[startTime]),
	}, err
}

// running reports whether the process has not ended. The state is that of its
// first thread; while others have not ended, its files and sockets are open.
func (s stat) running() bool {
	return s.state != 'Z' && s.state != 'X' || s.threads != "1" && s.threads != "0"
}

// groupHasRunning reports whether a process of the group runs; one that has
// ended and was not collected by its parent does not count.
func groupHasRunning(pgid int) bool {
	for _, pid := range processes() {
		if st, err := readStat(pid); err == nil && st.group == pgid && st.running() {
			return true
		}
	}
	return false
}

// marked returns the process groups that have a running process with the
// task's marker in its environment.
func marked(task string) []int {
	var groups []int
	for _, pid := range processes() {
		if st, err := readStat(pid); err == nil && st.running() && hasMarker(pid, task) {
			groups = append(groups, st.group)
		}
	}
	return groups
}

// hasMarker reports whether the process was started with the task's marker.
func hasMarker(pid int, task string) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false // it has ended, or belongs to another user
	}
	want := []byte(markerVariable + "=" + task)
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.Equal(v, want) {
			return true
		}
	}
	return false
}

func processes() []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	pids := make([]int, 0, len(dirs))
	for _, dir := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// lockPort keeps a port from all others who choose ports in this way, until it
// is closed or this process ends: with a socket in the abstract namespace of
// unix(7), which is there for one at a time and has no file.
func lockPort(port int) (io.Closer, error) {
	return net.Listen("unix", fmt.Sprintf("@warmgate-process-port-%d", port)) //nolint:noctx // it does not block
}
