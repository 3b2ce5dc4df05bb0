package compress

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

// coder is what coding a body takes; it is used for many, one after the other.
type coder struct {
	gzip  *gzip.Writer // writes to coded
	coded bytes.Buffer // not read yet
	plain [16 << 10]byte
}

func newCoder() *coder {
	c := &coder{}
	// Speed counts: the text is made anew all the time, and goes to one person.
	c.gzip, _ = gzip.NewWriterLevel(&c.coded, gzip.BestSpeed) // fails for unknown levels only
	return c
}

// reset makes c ready for a new body.
func (c *coder) reset() {
	c.coded.Reset()
	c.gzip.Reset(&c.coded)
}

// body codes what it reads from the upstream's body.
type body struct {
	plain      io.ReadCloser
	compressor *Compressor
	coder      *coder // nil once given back
	// streams is set if the length was not announced: the upstream may pause
	// between two parts, and what it has sent must not wait here.
	streams bool
	err     error // of plain, or io.EOF; comes after what is coded already
}

func (c *Compressor) newBody(plain io.ReadCloser, streams bool) *body {
	coder := c.coder()
	coder.reset()
	return &body{plain: plain, compressor: c, coder: coder, streams: streams}
}

// Read returns coded bytes. If the upstream's body breaks off, so does this one:
// the end of the coding is written for a whole body only.
func (b *body) Read(p []byte) (int, error) {
	if b.coder == nil {
		return 0, errClosed
	}
	for b.coder.coded.Len() == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.fill()
	}
	return b.coder.coded.Read(p)
}

var errClosed = errors.New("compress: read of a closed body")

// fill reads a part of the upstream's body and codes it. Writing to the coder's
// buffer does not fail.
func (b *body) fill() {
	n, err := b.plain.Read(b.coder.plain[:])
	b.err = err
	if n > 0 {
		_, _ = b.coder.gzip.Write(b.coder.plain[:n])
	}
	switch {
	case errors.Is(err, io.EOF):
		_ = b.coder.gzip.Close()
	case b.streams && n > 0:
		_ = b.coder.gzip.Flush()
	}
}

// Close closes the upstream's body. Not concurrently with Read.
func (b *body) Close() error {
	if b.coder != nil {
		b.compressor.coders.Put(b.coder)
		b.coder = nil
	}
	return b.plain.Close()
}
