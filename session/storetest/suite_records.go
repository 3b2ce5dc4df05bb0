package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/webordinary/warmgate/session"
)

func testRecords(t *testing.T, st Store) {
	if _, err := st.Record(t.Context(), "none"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Record(none) = %v, want ErrNotFound", err)
	}
	values := [][]byte{[]byte("one"), {}, {0, 255, 10}, bytes.Repeat([]byte("x"), 100_000), []byte("ü")}
	for i, value := range values {
		version := int64(i)
		for _, wrong := range []int64{version - 1, version + 1, version + 100} {
			if got, err := st.PutRecord(t.Context(), "pool/edit", value, wrong); !errors.Is(err, session.ErrConflict) {
				t.Errorf("PutRecord(version %d) over version %d = %d, %v, want ErrConflict", wrong, version, got, err)
			}
		}
		got, err := st.PutRecord(t.Context(), "pool/edit", value, version)
		if err != nil || got != version+1 {
			t.Fatalf("PutRecord(version %d) = %d, %v, want %d", version, got, err, version+1)
		}
		r, err := st.Record(t.Context(), "pool/edit")
		if err != nil || r.Version != version+1 || !bytes.Equal(r.Value, value) {
			t.Fatalf("Record = %d bytes, version %d, %v, want %d bytes, version %d", len(r.Value), r.Version, err, len(value), version+1)
		}
	}
	if _, err := st.Record(t.Context(), "pool/edi"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Record(pool/edi) = %v, want ErrNotFound", err)
	}
	if _, ok := errors.AsType[*session.InvalidError](putError(st.PutRecord(t.Context(), "", nil, 0))); !ok {
		t.Error("PutRecord without a key is no *InvalidError")
	}
	// Records and sessions are apart.
	mustCreate(t, st, sample("both"))
	if _, err := st.PutRecord(t.Context(), "both", []byte("r"), 0); err != nil {
		t.Errorf("PutRecord = %v", err)
	}
	wantSession(t, st, sample("both"))
}

func putError(_ int64, err error) error { return err }

func testRecordsRace(t *testing.T, st Store) {
	for round := range int64(20) {
		if n := race(t, func(i int) error {
			_, err := st.PutRecord(t.Context(), "lease", []byte{byte(i)}, round)
			return err
		}); n != 1 {
			t.Errorf("round %d: %d of %d writes succeeded, want 1", round, n, racers)
		}
	}
}
