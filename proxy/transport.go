package proxy

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// TransportOptions tune the connections to upstreams.
type TransportOptions struct {
	// Dial connects to upstreams. Nil means a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// DialTimeout bounds the connection's set-up. Zero means 10 s, as an ALB's.
	DialTimeout time.Duration
	// ResponseTimeout bounds the wait for the answer's header once the request
	// is sent. Zero means 60 s.
	ResponseTimeout time.Duration
	// MaxIdlePerHost bounds idle connections to one upstream. Zero means 1024.
	MaxIdlePerHost int
}

func (o TransportOptions) withDefaults() TransportOptions {
	setDefault(&o.DialTimeout, 10*time.Second)
	setDefault(&o.ResponseTimeout, 60*time.Second)
	setDefault(&o.MaxIdlePerHost, 1024)
	return o
}

// idleTimeout: Node closes idle connections after 5 s; giving them up sooner
// spares a POST from being sent on a dying one.
const idleTimeout = 4 * time.Second

// newTransport returns the one Transport that all upstreams share. It uses no
// proxy of the environment, adds no Accept-Encoding of its own and follows
// nothing.
func newTransport(o TransportOptions) *http.Transport {
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Transport{
		DialContext:            dial,
		DisableCompression:     true,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    o.MaxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  o.ResponseTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// bufferPool serves httputil.ReverseProxy's copies. Pointers to arrays go in
// and out of the pool without allocating.
type bufferPool struct{ pool sync.Pool }

const copyBufferSize = 32 << 10

func (b *bufferPool) Get() []byte {
	if buf, ok := b.pool.Get().(*[copyBufferSize]byte); ok {
		return buf[:]
	}
	return new([copyBufferSize]byte)[:]
}

func (b *bufferPool) Put(buf []byte) {
	if cap(buf) >= copyBufferSize {
		b.pool.Put((*[copyBufferSize]byte)(buf[:copyBufferSize]))
	}
}
