//go:build unix

package process

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// stateDir is the folder with a file for each child.
type stateDir struct {
	path string
	lock *os.File
}

// childRecord is what a later run needs to find a child again.
type childRecord struct {
	// Task is the marker in the environment of all its processes.
	Task string `json:"task"`
	// PID is the process and its group; 0 until it was started.
	PID int `json:"pid"`
	// Identity distinguishes it from a later process with the same PID.
	Identity string   `json:"identity"`
	Command  []string `json:"command"`
}

// open makes the folder and takes it for this process alone: whoever else used
// it would take our children for orphans.
func (s *stateDir) open() error {
	if err := os.MkdirAll(s.path, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(s.path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return fmt.Errorf("the state folder %s is in use by another pool or process: %w", s.path, err)
	}
	s.lock = lock
	return nil
}

// close gives the folder up.
func (s *stateDir) close() {
	if s.lock != nil {
		s.lock.Close()
		s.lock = nil
	}
}

// write stores r whole or not at all.
func (s *stateDir) write(r childRecord) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	temporary := s.file(r.Task) + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, s.file(r.Task))
}

// remove forgets a child.
func (s *stateDir) remove(task string) error { return os.Remove(s.file(task)) }

func (s *stateDir) file(task string) string { return filepath.Join(s.path, task+".json") }

// read returns the children that an earlier run has left on record. A file that
// it cannot read is reported with its name as the task, so that the marker can
// still be looked for.
func (s *stateDir) read() ([]childRecord, error) {
	files, err := filepath.Glob(filepath.Join(s.path, "*.json"))
	if err != nil {
		return nil, err
	}
	var records []childRecord
	for _, file := range files {
		r := childRecord{Task: strings.TrimSuffix(filepath.Base(file), ".json")}
		if data, err := os.ReadFile(file); err == nil {
			_ = json.Unmarshal(data, &r) // what is broken keeps its zero value
		}
		records = append(records, r)
	}
	return records, nil
}
