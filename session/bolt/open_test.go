package bolt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/bolt"
)

func sleeping(id session.ID) session.Session {
	now := time.Now()
	return session.Session{
		ID: id, ClientID: "acme", Status: session.Inactive, Generation: 1, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		Metadata: map[string]any{"title": "A page"},
	}
}

func TestOpenMakesFolderAndFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new", "folder")
	path := filepath.Join(folder, "sessions.db")
	open(t, path)
	for path, want := range map[string]os.FileMode{folder: 0o700, filepath.Dir(folder): 0o700, path: 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s = %o, want %o", filepath.Base(path), got, want)
		}
	}
}

func TestOpenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	st, err := bolt.Open(bolt.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Create(t.Context(), sleeping("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := st.PutRecord(t.Context(), "r", []byte("value"), 0); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Session(t.Context(), "a"); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Session after Close = %v, want ErrUnavailable", err)
	}
	if err := st.Create(t.Context(), sleeping("b")); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Create after Close = %v, want ErrUnavailable", err)
	}

	st = open(t, path)
	s, err := st.Session(t.Context(), "a")
	if err != nil || s.Metadata["title"] != "A page" {
		t.Errorf("Session after reopening = %v, %v", s, err)
	}
	if r, err := st.Record(t.Context(), "r"); err != nil || string(r.Value) != "value" || r.Version != 1 {
		t.Errorf("Record after reopening = %v, %v", r, err)
	}
}

func TestOpenLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	open(t, path)
	_, err := bolt.Open(bolt.Options{Path: path, LockTimeout: 10 * time.Millisecond})
	if !errors.Is(err, berrors.ErrTimeout) || !strings.Contains(err.Error(), "another Warmgate uses it") || !strings.Contains(err.Error(), path) {
		t.Errorf("Open = %v, want one that names the file and says that another Warmgate uses it", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  string
	}{
		"text":           {func(t *testing.T, path string) { write(t, path, bytes.Repeat([]byte("hello\n"), 5000)) }, "no store of Warmgate"},
		"short":          {func(t *testing.T, path string) { write(t, path, []byte("x")) }, "damaged"},
		"cut in half":    {func(t *testing.T, path string) { keep(t, path, 2) }, "damaged"},
		"cut to a tenth": {func(t *testing.T, path string) { keep(t, path, 10) }, "damaged"},
		"zeros":          {func(t *testing.T, path string) { write(t, path, make([]byte, 100_000)) }, "damaged"},
		"foreign":        {foreign, `begins with "theirs"`},
		"newer": {func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("warmgate")).Put([]byte("schema"), binary.BigEndian.AppendUint64(nil, 99))
			})
		}, "schema 99"},
		"no schema": {func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("warmgate")).Delete([]byte("schema")) })
		}, "no schema version"},
		"no bucket": {func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("records")) })
		}, "it has no records"},
		"folder": {func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sessions.db")
			filled(t, path)
			test.spoil(t, path)
			before, _ := os.ReadFile(path)
			_, err := bolt.Open(bolt.Options{Path: path})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("Open = %v, want one that names the file and says %q", err, test.want)
			}
			after, _ := os.ReadFile(path)
			if !bytes.Equal(before, after) {
				t.Error("Open has changed a file that it refused")
			}
		})
	}
}

// TestOpenLetsGo: a file that was refused is not locked.
func TestOpenLetsGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "theirs.db")
	filled(t, path)
	foreign(t, path)
	if _, err := bolt.Open(bolt.Options{Path: path}); err == nil {
		t.Fatal("Open took a foreign file")
	}
	edit(t, path, func(*bbolt.Tx) error { return nil })
}

// filled makes a store with enough sessions to have pages of all kinds.
func filled(t *testing.T, path string) {
	t.Helper()
	st, err := bolt.Open(bolt.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := st.Create(t.Context(), sleeping(session.ID(strings.Repeat("s", i/10+1)+string(rune('a'+i%10))))); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// keep cuts the file to its first part.
func keep(t *testing.T, path string, part int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, max(2*4096, info.Size()/part/4096*4096)); err != nil {
		t.Fatal(err)
	}
}

// foreign puts a database of another program in the file's place.
func foreign(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
}

func edit(t *testing.T, path string, f func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(f), db.Close()); err != nil {
		t.Fatal(err)
	}
}
