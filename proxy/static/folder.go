package static

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"syscall"
)

// folder is a source on this machine. os.Root keeps every name and every symbolic
// link inside.
type folder struct {
	root *os.Root
}

// NewFolder makes a Handler that serves the files of dir, which must exist. The
// folder stays open until Close; files may change meanwhile.
func NewFolder(dir string, o Options, log *slog.Logger) (*Handler, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("static: %w", err)
	}
	h, err := newHandler(&folder{root: root}, o, log)
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return h, nil
}

func (d *folder) close() error { return d.root.Close() }

func (d *folder) open(_ context.Context, name string, _ bool) (*file, error) {
	// Without O_NONBLOCK, opening a named pipe would wait for its writer.
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, translate(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = errFolder
	case !info.Mode().IsRegular():
		err = fs.ErrNotExist
	default:
		return &file{ReadSeekCloser: f, modified: info.ModTime(), etag: etag(info)}, nil
	}
	_ = f.Close()
	return nil, err
}

// translate keeps the errors that are this machine's trouble. All others come
// from the name: nothing there, no permission, a link that leads outside.
func translate(err error) error {
	for _, trouble := range []error{syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, fs.ErrClosed} {
		if errors.Is(err, trouble) {
			return err
		}
	}
	return fs.ErrNotExist
}

// etag changes with every write that changes the size or the time, which has
// nanoseconds.
func etag(info fs.FileInfo) string {
	return `"` + strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36) + `"`
}
