package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/webordinary/warmgate/session/bolt"
	"github.com/webordinary/warmgate/session/storetest"
)

func open(t testing.TB, path string) *bolt.Store {
	t.Helper()
	st, err := bolt.Open(bolt.Options{Path: path})
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return st
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		return open(t, filepath.Join(t.TempDir(), "sessions.db"))
	})
}
