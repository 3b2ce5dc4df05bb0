package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asMain makes the test binary the command itself.
const asMain = "WARMGATE_TEST_AS_MAIN"

// TestSignalSentTwiceAtOnceIsOne: a wrapper passes on the SIGINT that the terminal
// has sent to the whole group already. The order of the end is kept all the same.
func TestSignalSentTwiceAtOnceIsOne(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	config := "listen: 127.0.0.1:0\nhealth: { listen: '' }\nadmin: { listen: 127.0.0.1:0 }\nshutdown: { delay: 200ms }\n"
	if err := os.WriteFile(filepath.Join(folder, "warmgate.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "serve")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), asMain+"=1")
	cmd.WaitDelay = time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		switch {
		case strings.HasPrefix(lines.Text(), "  token"): // the last of what it says at first
			err = cmd.Process.Signal(syscall.SIGINT)
		case strings.Contains(lines.Text(), "stopping;"):
			err = cmd.Process.Signal(syscall.SIGTERM)
		}
		if err != nil {
			t.Errorf("send a signal: %v", err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("serve = %v, want it to end in order\n%s", err, said.String())
	}
}
