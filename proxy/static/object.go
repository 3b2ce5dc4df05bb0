package static

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// object is an open object of a bucket. Its body is fetched from where it is read
// first, and streamed: http.ServeContent asks for the size, seeks once for each
// range, and reads on.
type object struct {
	bucket *bucket
	ctx    context.Context // of the request
	key    string
	etag   string
	size   int64

	offset int64         // where the next Read is to begin
	body   io.ReadCloser // nil if none is open
	at     int64         // the body's offset
	limit  *deadline     // of the body
}

// deadline ends a call that does not go on in time.
type deadline struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func newDeadline(ctx context.Context, limit time.Duration) *deadline {
	d := &deadline{}
	d.ctx, d.cancel = context.WithCancelCause(ctx)
	d.timer = time.AfterFunc(limit, func() { d.cancel(errStalled) })
	return d
}

func (d *deadline) end() {
	d.timer.Stop()
	d.cancel(nil)
}

// head asks for the object's header.
func (o *object) head() (*file, error) {
	limit := newDeadline(o.ctx, o.bucket.options.OpenTimeout)
	defer limit.end()
	out, err := o.bucket.client.HeadObject(limit.ctx, &s3.HeadObjectInput{
		Bucket: &o.bucket.options.Name, Key: &o.key,
	})
	if err != nil {
		return nil, o.bucket.translate(limit.ctx, err)
	}
	o.size, o.etag = aws.ToInt64(out.ContentLength), aws.ToString(out.ETag)
	return &file{
		modified: aws.ToTime(out.LastModified), etag: o.etag,
		header: objectHeader(out.ContentType, out.CacheControl, out.ContentEncoding, out.ContentLanguage, out.ContentDisposition),
	}, nil
}

// get asks for the whole object; its body is ready to be read.
func (o *object) get() (*file, error) {
	out, err := o.fetch("")
	if err != nil {
		return nil, err
	}
	o.size, o.etag = aws.ToInt64(out.ContentLength), aws.ToString(out.ETag)
	return &file{
		modified: aws.ToTime(out.LastModified), etag: o.etag,
		header: objectHeader(out.ContentType, out.CacheControl, out.ContentEncoding, out.ContentLanguage, out.ContentDisposition),
	}, nil
}

// fetch opens the body, all of it or a range. A later fetch gets what the first
// answer was about, or fails.
func (o *object) fetch(byteRange string) (*s3.GetObjectOutput, error) {
	in := &s3.GetObjectInput{Bucket: &o.bucket.options.Name, Key: &o.key}
	if byteRange != "" {
		in.Range, in.IfMatch = &byteRange, &o.etag
	}
	limit := newDeadline(o.ctx, o.bucket.options.OpenTimeout)
	out, err := o.bucket.client.GetObject(limit.ctx, in)
	if err != nil {
		err = o.bucket.translate(limit.ctx, err)
		limit.end()
		return nil, err
	}
	limit.timer.Stop()
	o.body, o.limit, o.at = out.Body, limit, o.offset
	return out, nil
}

// objectHeader keeps what the object says of itself.
func objectHeader(contentType, cacheControl, encoding, language, disposition *string) http.Header {
	h := http.Header{}
	for name, value := range map[string]*string{
		"Content-Type": contentType, "Cache-Control": cacheControl, "Content-Encoding": encoding,
		"Content-Language": language, "Content-Disposition": disposition,
	} {
		if aws.ToString(value) != "" {
			h.Set(name, *value)
		}
	}
	return h
}

// Read implements io.Reader.
func (o *object) Read(p []byte) (int, error) {
	if o.offset >= o.size {
		return 0, io.EOF
	}
	if o.body == nil || o.at != o.offset {
		o.drop()
		if _, err := o.fetch(fmt.Sprintf("bytes=%d-", o.offset)); err != nil {
			return 0, err
		}
	}
	o.limit.timer.Reset(o.bucket.options.ReadTimeout)
	n, err := o.body.Read(p)
	o.limit.timer.Stop()
	o.offset += int64(n)
	o.at = o.offset
	if err != nil && !errors.Is(err, io.EOF) {
		err = o.bucket.translate(o.limit.ctx, err)
	}
	return n, err
}

// Seek implements io.Seeker.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.offset
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the object's begin")
	}
	o.offset = offset
	return offset, nil
}

// Close implements io.Closer.
func (o *object) Close() error {
	o.drop()
	return nil
}

// drop closes the body. What was not read of it is given up with its connection.
func (o *object) drop() {
	if o.body == nil {
		return
	}
	_ = o.body.Close()
	o.limit.end()
	o.body = nil
}
