package accesslog

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Format of the lines.
type Format string

const (
	// JSON is one object a line. Durations are in seconds.
	JSON Format = "json"
	// ALB is the text format of an Application Load Balancer's access log, with
	// its 33 fields ("Access log entries" in the ALB user guide).
	ALB Format = "alb"
)

// Options of a [Logger].
type Options struct {
	// Format is JSON unless set.
	Format Format
	// Name stands for the load balancer's in the ALB format; "warmgate" unless set.
	Name string
	// MaxPending is the number of bytes that may wait to be written; 4 MiB unless
	// set. At most twice as much memory is used.
	MaxPending int
	// FlushInterval is the longest time that a line waits; 1 s unless set.
	FlushInterval time.Duration
}

func (o *Options) setDefaults() error {
	switch o.Format {
	case "":
		o.Format = JSON
	case JSON, ALB:
	default:
		return fmt.Errorf("access log format %q is neither json nor alb", o.Format)
	}
	if o.Name == "" {
		o.Name = "warmgate"
	}
	if o.MaxPending <= 0 {
		o.MaxPending = 4 << 20
	}
	if o.FlushInterval <= 0 {
		o.FlushInterval = time.Second
	}
	return nil
}

// Logger writes the access log. It is safe for concurrent use.
type Logger struct {
	options Options
	log     *slog.Logger
	pool    sync.Pool // of *Record
	buffer  buffer
}

// New makes a Logger that writes to w and reports dropped lines and errors of w
// to log. Nothing is written before [Logger.Run] or [Logger.Close].
func New(w io.Writer, o Options, log *slog.Logger) (*Logger, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	l := &Logger{options: o, log: log, buffer: buffer{w: w, full: make(chan struct{}, 1)}}
	l.pool.New = func() any { return &Record{line: make([]byte, 0, 1024), url: make([]byte, 0, 256)} }
	return l, nil
}

// Begin starts the record of a request. The response has to be written to the
// returned writer, which is valid until End. The body of r is replaced by one
// that counts.
func (l *Logger) Begin(w http.ResponseWriter, r *http.Request) (*Record, http.ResponseWriter) {
	rec := l.pool.Get().(*Record)
	rec.Start = time.Now()
	rec.Method, rec.Host, rec.Proto = r.Method, r.Host, r.Proto
	rec.Path, rec.Query = r.URL.EscapedPath(), r.URL.RawQuery
	rec.Scheme = scheme(r.TLS)
	rec.Client = r.RemoteAddr
	if ua := r.Header["User-Agent"]; len(ua) > 0 {
		rec.UserAgent = ua[0]
	}
	rec.Priority = -1
	rec.tls = r.TLS
	rec.response.ResponseWriter = w
	rec.response.record = rec
	if r.Body != nil && r.Body != http.NoBody {
		rec.body = &countingBody{ReadCloser: r.Body}
		r.Body = rec.body
	}
	return rec, &rec.response
}

func scheme(state *tls.ConnectionState) string {
	if state != nil {
		return "https"
	}
	return "http"
}

// End encodes the line and takes the record back. A status that nobody set is
// 200, as net/http sends it.
func (l *Logger) End(rec *Record) {
	if !rec.Skip {
		if rec.Status() == 0 {
			rec.status = http.StatusOK
		}
		end := time.Now()
		if l.options.Format == ALB {
			rec.line = appendALB(rec.line, rec, end, l.options.Name)
		} else {
			rec.line = appendJSON(rec.line, rec, end)
		}
		l.add(rec.line)
	}
	*rec = Record{line: rec.line[:0], url: rec.url[:0]}
	l.pool.Put(rec)
}
