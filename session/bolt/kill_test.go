package bolt_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/bolt"
)

// writerPath names the variable that turns this test binary into the writer
// which TestKill kills.
const writerPath = "WARMGATE_TEST_BOLT_WRITER"

// TestKill kills a writing process at random moments, again and again, and
// looks for every write that it had been told was done.
func TestKill(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	path := filepath.Join(t.TempDir(), "sessions.db")
	acknowledged := map[session.ID]int64{} // the generation that was acknowledged last
	for round := range rounds {
		killWriter(t, path, round, acknowledged)
		st, err := bolt.Open(bolt.Options{Path: path, LockTimeout: 10 * time.Second})
		if err != nil {
			t.Fatalf("round %d: Open after SIGKILL = %v", round, err)
		}
		verify(t, st, acknowledged)
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rounds, %d sessions with acknowledged writes", rounds, len(acknowledged))
}

// killWriter starts a writer, lets it acknowledge some writes, and kills it.
func killWriter(t *testing.T, path string, round int, acknowledged map[session.ID]int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriter$")
	cmd.Env = append(os.Environ(), writerPath+"="+path, fmt.Sprint("WARMGATE_TEST_ROUND=", round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	enough := 20 + rand.IntN(400) //nolint:gosec // any moment will do
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ { // also what was in the pipe at its death
		var id session.ID
		var generation int64
		if _, err := fmt.Sscanf(lines.Text(), "done %s %d", &id, &generation); err != nil {
			t.Errorf("the writer says %q", lines.Text())
		}
		acknowledged[id] = max(acknowledged[id], generation)
		if n == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.Exited() {
		t.Fatalf("the writer ended by itself: %v", exit)
	}
}

// verify checks that every acknowledged write is there, and that the lists agree
// with the records.
func verify(t *testing.T, st *bolt.Store, acknowledged map[session.ID]int64) {
	t.Helper()
	byID := map[session.ID]session.Session{}
	for s, err := range st.ByStatus(t.Context(), session.Statuses()...) {
		if err != nil {
			t.Fatal(err)
		}
		byID[s.ID] = s
	}
	for id, generation := range acknowledged {
		s, err := st.Session(t.Context(), id)
		if err != nil || s.Generation < generation {
			t.Errorf("Session(%s) = generation %d, %v, want at least %d", id, s.Generation, err, generation)
		}
		if diff := cmp.Diff(s, byID[id]); diff != "" {
			t.Errorf("%s by status: -record +list\n%s", id, diff)
		}
	}
	clients := map[session.ID]bool{}
	for s, err := range st.ByClient(t.Context(), "acme") {
		if err != nil {
			t.Fatal(err)
		}
		clients[s.ID] = true
	}
	if len(clients) != len(byID) {
		t.Errorf("%d sessions by client, %d by status", len(clients), len(byID))
	}
}

// TestWriter is the process that TestKill kills: it writes from many goroutines
// and says so after each acknowledged write.
func TestWriter(t *testing.T) {
	path, round := os.Getenv(writerPath), os.Getenv("WARMGATE_TEST_ROUND")
	if path == "" {
		t.Skip("only as a child of TestKill")
	}
	st, err := bolt.Open(bolt.Options{Path: path, LockTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for writer := range 16 {
		wg.Go(func() {
			for i := 0; t.Context().Err() == nil; i++ {
				id := session.ID(strings.Join([]string{"s", round, fmt.Sprint(writer), fmt.Sprint(i)}, "-"))
				if err := writeSome(t, st, id); err != nil {
					t.Errorf("write: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func writeSome(t *testing.T, st *bolt.Store, id session.ID) error {
	t.Helper()
	if err := st.Create(t.Context(), sleeping(id)); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "done %s 1\n", id)
	for _, to := range []session.Status{session.Initializing, session.Active, session.Draining} {
		s, err := st.Update(t.Context(), id, session.Change{Name: "write", To: to, NextGeneration: true})
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "done %s %d\n", id, s.Generation)
	}
	return nil
}
