package static

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// source is where files come from. Names are slash-separated, relative, and have
// passed isName.
type source interface {
	// open fails with fs.ErrNotExist if there is nothing that can be served, with
	// errFolder if it is a folder; other errors are the source's own trouble. whole
	// tells that the file is likely to be read from its begin to its end. The file
	// is used within ctx.
	open(ctx context.Context, name string, whole bool) (*file, error)
	close() error
}

var errFolder = errors.New("is a folder")

// file is an open file.
type file struct {
	io.ReadSeekCloser

	modified time.Time
	etag     string // with quotes; strong
	// header is what the source says of the file: its type, how it may be cached.
	header http.Header
}
