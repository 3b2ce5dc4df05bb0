package accesslog

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// response counts what goes through the server's response writer. What that
// writer cannot do (flush, hijack) is answered with http.ErrNotSupported.
type response struct {
	http.ResponseWriter

	record *Record
	status int
	bytes  atomic.Int64
}

var (
	_ http.Flusher  = (*response)(nil)
	_ http.Hijacker = (*response)(nil)
	_ io.ReaderFrom = (*response)(nil)
)

// Unwrap serves http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader remembers the first final status; informational ones pass through.
func (w *response) WriteHeader(code int) {
	if w.status == 0 && (code >= 200 || code == http.StatusSwitchingProtocols) {
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *response) Write(p []byte) (int, error) {
	w.beginBody()
	n, err := w.ResponseWriter.Write(p)
	w.bytes.Add(int64(n))
	return n, err
}

// WriteString spares io.WriteString a copy.
func (w *response) WriteString(s string) (int, error) {
	w.beginBody()
	n, err := io.WriteString(w.ResponseWriter, s)
	w.bytes.Add(int64(n))
	return n, err
}

// ReadFrom lets the server use sendfile.
func (w *response) ReadFrom(r io.Reader) (int64, error) {
	w.beginBody()
	n, err := io.Copy(w.ResponseWriter, r)
	w.bytes.Add(n)
	return n, err
}

func (w *response) beginBody() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// Flush is for those who ask for a plain http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what is buffered; the header, too, with status 200 unless set.
func (w *response) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	if err == nil {
		w.beginBody()
	}
	return err
}

// Hijack counts as 101, unless another status was written before.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// countingBody counts what is read of a request's body. It is not pooled: a
// transport may still read from it when the handler has returned.
type countingBody struct {
	io.ReadCloser

	n atomic.Int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
