package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Options say which file, and how it is opened.
type Options struct {
	// Path of the file; required. The file is made with mode 0600 and its
	// folders with 0700 if they do not exist.
	Path string
	// LockTimeout is how long to wait for another process to let go of the
	// file. Zero means one second.
	LockTimeout time.Duration
}

// schema is the version of the layout below. A file of another version is refused.
const schema = 1

// The buckets. Keys are made in keys.go.
var (
	metaBucket     = []byte("warmgate")  // schemaKey -> version, 8 bytes
	sessionsBucket = []byte("sessions")  // id -> record as JSON
	clientsBucket  = []byte("by_client") // client, creation (newest first), id -> nothing
	statusesBucket = []byte("by_status") // status, id -> nothing
	recordsBucket  = []byte("records")   // key -> version, 8 bytes; value

	schemaKey = []byte("schema")
)

// Open opens the store, and makes it if the file does not exist. It fails with
// a text for people if another process has it open, if the file is no store of
// Warmgate, is damaged, or was written by another version.
func Open(o Options) (*Store, error) {
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Second
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the session store: %w", err)
	}
	db, err := openFile(o)
	if err != nil {
		return nil, fmt.Errorf("open the session store %s: %w", o.Path, err)
	}
	return &Store{db: db, turn: make(chan struct{}, 1)}, nil
}

// openFile opens and checks the file. A damaged one may make the library panic
// or read beyond the file's end; both become errors here (the lock then stays
// until the process ends).
func openFile(o Options) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("it is damaged: %v", p)
		}
	}()
	db, err = bbolt.Open(o.Path, 0o600, &bbolt.Options{Timeout: o.LockTimeout, FreelistType: bbolt.FreelistMapType})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("another Warmgate uses it (waited %s): %w", o.LockTimeout, err)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return nil, fmt.Errorf("it is damaged, or no store of Warmgate: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("it cannot be read and written by this user: %w", err)
	case err != nil:
		return nil, err
	}
	if err := check(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// check lays out an empty file and refuses one that is not ours.
func check(db *bbolt.DB) error {
	info, err := os.Stat(db.Path())
	if err != nil {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		if tx.Size() > info.Size() {
			return fmt.Errorf("it is damaged: %d bytes of %d are there", info.Size(), tx.Size())
		}
		meta := tx.Bucket(metaBucket)
		if meta == nil {
			return layOut(tx)
		}
		version := meta.Get(schemaKey)
		if len(version) != 8 {
			return errors.New("it is damaged: it has no schema version")
		}
		if v := binary.BigEndian.Uint64(version); v != schema {
			return fmt.Errorf("it has schema %d, this Warmgate knows schema %d", v, schema)
		}
		for _, name := range [][]byte{sessionsBucket, clientsBucket, statusesBucket, recordsBucket} {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("it is damaged: it has no %s", name)
			}
		}
		return nil
	})
}

func layOut(tx *bbolt.Tx) error {
	if name, _ := tx.Cursor().First(); name != nil {
		return fmt.Errorf("it is no store of Warmgate: it begins with %q", name)
	}
	for _, name := range [][]byte{metaBucket, sessionsBucket, clientsBucket, statusesBucket, recordsBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put(schemaKey, binary.BigEndian.AppendUint64(nil, schema))
}
