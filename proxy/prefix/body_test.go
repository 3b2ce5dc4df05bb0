package prefix

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// closer remembers that it was closed.
type closer struct {
	io.Reader
	err    error
	closed bool
}

func (c *closer) Close() error {
	c.closed = true
	return c.err
}

func TestBodyPassesErrors(t *testing.T) {
	broken := errors.New("upstream is gone")
	src := io.MultiReader(strings.NewReader(`<a href="/x"><a href="/y`), iotest.ErrReader(broken))
	got, err := io.ReadAll(newBody(io.NopCloser(src), newHTMLScanner(testSite(), head{})))
	if !errors.Is(err, broken) || string(got) != want(`<a href="@/x"><a href="/y`) {
		t.Errorf("read = %q, %v", got, err)
	}
}

func TestBodyWithDataAndEOF(t *testing.T) {
	in := `<a href="/x">` + strings.Repeat("x", 3*firstBuffer) + `<a href="/y">`
	for name, r := range map[string]io.Reader{
		"data with EOF": iotest.DataErrReader(strings.NewReader(in)),
		"half reads":    iotest.HalfReader(strings.NewReader(in)),
	} {
		got, err := io.ReadAll(iotest.OneByteReader(newBody(io.NopCloser(r), newHTMLScanner(testSite(), head{}))))
		if wanted := strings.ReplaceAll(in, `"/`, `"`+mark+`/`); err != nil || string(got) != wanted {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(got), err, len(wanted))
		}
	}
}

// empty returns nothing, for ever.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, nil }

func TestBodyWithoutProgress(t *testing.T) {
	_, err := io.ReadAll(newBody(io.NopCloser(empty{}), newHTMLScanner(testSite(), head{})))
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("err = %v, want %v", err, io.ErrNoProgress)
	}
}

func TestBodyCloses(t *testing.T) {
	broken := errors.New("close")
	src := &closer{Reader: strings.NewReader(""), err: broken}
	if err := newBody(src, newHTMLScanner(testSite(), head{})).Close(); !errors.Is(err, broken) || !src.closed {
		t.Errorf("Close = %v, closed = %v", err, src.closed)
	}
}
