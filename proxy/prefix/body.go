package prefix

import (
	"errors"
	"io"
)

// scanner finds insertions in a stream. scan gets the data that no earlier call has consumed, with what came
// since; final says that nothing follows. It returns how many bytes are done with, which is all of them if
// final, and appends the insertions within these in ascending order of their offsets in data.
type scanner interface {
	scan(data []byte, final bool, edits []edit) (n int, _ []edit)
}

// firstBuffer is the size a body's buffer begins with. It grows when a token is longer.
const firstBuffer = 16 << 10

// maxEmptyReads is how often in a row the source may return nothing at all.
const maxEmptyReads = 100

// body is the rewritten stream. Whatever can be decided goes out before more is read, so a page that comes in
// pieces leaves in pieces. Not safe for concurrent use, as any io.Reader.
type body struct {
	src   io.ReadCloser
	find  scanner
	buf   []byte // from the source; buf[:done] is decided
	done  int
	pos   int // buf[:pos] has been given out
	edits []edit
	empty int
	err   error
}

func newBody(src io.ReadCloser, find scanner) *body {
	return &body{src: src, find: find, buf: make([]byte, 0, firstBuffer)}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if n := b.give(p); n > 0 {
			return n, nil
		}
		if b.err != nil {
			return 0, b.err
		}
		b.fill()
	}
}

// Close closes the source.
func (b *body) Close() error { return b.src.Close() }

// give copies decided bytes and insertions to p.
func (b *body) give(p []byte) int {
	total := 0
	for total < len(p) {
		end := b.done
		if len(b.edits) > 0 {
			end = b.edits[0].at
		}
		n := copy(p[total:], b.buf[b.pos:end])
		b.pos += n
		total += n
		if b.pos < end || len(b.edits) == 0 {
			break
		}
		n = copy(p[total:], b.edits[0].text)
		total += n
		if n < len(b.edits[0].text) {
			b.edits[0].text = b.edits[0].text[n:]
			break
		}
		b.edits = b.edits[1:]
	}
	return total
}

// fill reads once from the source and has the outcome scanned.
func (b *body) fill() {
	if b.done > 0 {
		b.buf = b.buf[:copy(b.buf, b.buf[b.done:])]
		b.done, b.pos = 0, 0
	}
	if cap(b.buf)-len(b.buf) < firstBuffer/4 {
		b.buf = append(make([]byte, 0, 2*cap(b.buf)), b.buf...)
	}
	n, err := b.src.Read(b.buf[len(b.buf):cap(b.buf)])
	b.buf = b.buf[:len(b.buf)+n]
	if n == 0 && err == nil {
		if b.empty++; b.empty < maxEmptyReads {
			return
		}
		err = io.ErrNoProgress
	}
	b.empty = 0
	if b.err = err; err != nil && !errors.Is(err, io.EOF) {
		b.done = len(b.buf) // cut off: what is there goes out as it is
		return
	}
	b.done, b.edits = b.find.scan(b.buf, err != nil, b.edits[:0])
}
