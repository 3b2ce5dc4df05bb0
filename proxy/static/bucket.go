package static

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// BucketOptions say where objects come from.
type BucketOptions struct {
	// Config has the region and the credentials, which need s3:GetObject below the
	// prefix and nothing else.
	Config aws.Config
	// Name is the bucket's. Required.
	Name string
	// Prefix stands before every key: "site/", or "site", serves /a from site/a. Empty
	// for none.
	Prefix string
	// Endpoint is the URL of the service, for a stand-in or a VPC endpoint; it is
	// asked with the bucket in the path. Empty for the region's own.
	Endpoint string
	// OpenTimeout bounds the wait for an object's header, retries included. Zero
	// means 10 s.
	OpenTimeout time.Duration
	// ReadTimeout bounds each wait for more of an object. Zero means 30 s.
	ReadTimeout time.Duration
}

// A request waits for these calls; the SDK's own backoff takes seconds.
const (
	bucketAttempts = 2
	bucketBackoff  = 50 * time.Millisecond
	// bucketConnections is how many idle connections are kept.
	bucketConnections = 64
)

// errBucket marks the bucket's own trouble; errStalled that it did not go on in
// time.
var (
	errBucket  = errors.New("bucket")
	errStalled = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
)

// bucket is a source on S3. It never lists: a key is there or not.
type bucket struct {
	client  *s3.Client
	http    *http.Client
	options BucketOptions
	log     *slog.Logger
	denied  sync.Once
}

// NewBucket makes a Handler that serves the objects of a bucket. Nothing is sent
// before the first request.
func NewBucket(b BucketOptions, o Options, log *slog.Logger) (*Handler, error) {
	if b.Prefix != "" && !isName(strings.TrimSuffix(b.Prefix, "/")) {
		return nil, errors.New("static: the prefix must be a path without a slash before it and without hidden parts")
	}
	if b.Prefix != "" {
		b.Prefix = strings.TrimSuffix(b.Prefix, "/") + "/"
	}
	b.OpenTimeout = cmp.Or(b.OpenTimeout, 10*time.Second)
	b.ReadTimeout = cmp.Or(b.ReadTimeout, 30*time.Second)
	h := newBucketClient(b)
	client := s3.NewFromConfig(b.Config, func(c *s3.Options) {
		c.HTTPClient = h
		c.Logger = logging.Nop{} // it would write past ours; what matters comes as an error
		c.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = bucketAttempts, bucketBackoff
		})
		// TLS protects the way; a checksum could only be told when it is too late.
		c.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		if b.Endpoint != "" {
			c.BaseEndpoint, c.UsePathStyle = aws.String(b.Endpoint), true
		}
	})
	files, err := newHandler(&bucket{client: client, http: h, options: b, log: log}, o, log)
	if err != nil {
		return nil, err
	}
	files.oneRange = true
	return files, nil
}

// newBucketClient returns a client that bounds connecting only: an object may take
// as long as it is read.
func newBucketClient(b BucketOptions) *http.Client {
	t := awshttp.NewBuildableClient().GetTransport()
	t.DialContext = (&net.Dialer{Timeout: b.OpenTimeout, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = b.OpenTimeout
	t.MaxIdleConns, t.MaxIdleConnsPerHost = bucketConnections, bucketConnections
	return &http.Client{Transport: t}
}

func (b *bucket) close() error {
	b.http.CloseIdleConnections()
	return nil
}

func (b *bucket) open(ctx context.Context, name string, whole bool) (*file, error) {
	o := &object{bucket: b, ctx: ctx, key: b.options.Prefix + name}
	var f *file
	var err error
	if whole {
		f, err = o.get()
	} else {
		f, err = o.head()
	}
	if err != nil {
		return nil, err
	}
	f.ReadSeekCloser = o
	return f, nil
}

// translate makes an error of the service one of a source. S3 denies access to
// what does not exist, too, unless the caller may list the bucket.
func (b *bucket) translate(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w %s: %w", errBucket, b.options.Name, cause)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "NoSuchKey", "NotFound", "KeyTooLongError":
			return fs.ErrNotExist
		case "AccessDenied", "Forbidden":
			b.denied.Do(func() {
				b.log.Warn("bucket denies access; what it denies is answered as not found", "bucket", b.options.Name, "error", err)
			})
			return fs.ErrNotExist
		}
	}
	return fmt.Errorf("%w %s: %w", errBucket, b.options.Name, err)
}
