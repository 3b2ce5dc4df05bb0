package proxy

import (
	"context"
	"net"
	"net/http"
	"time"
)

type connKey struct{}

// ConnContext is for http.Server: it lets the handler see that a client has gone
// whose request body is not read yet, which net/http does not tell.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// goneInterval is how often the connection of such a client is looked at.
const goneInterval = 500 * time.Millisecond

// clientContext returns a context that ends when the client goes away while its
// request is held, whether or not it has a body. stop must be called.
func (x *exchange) clientContext() (ctx context.Context, stop context.CancelFunc) {
	ctx = x.r.Context()
	conn, ok := ctx.Value(connKey{}).(net.Conn)
	if !ok || x.r.Body == http.NoBody {
		return ctx, func() {}
	}
	ctx, stop = context.WithCancel(ctx)
	go watchClient(ctx, conn, stop)
	return ctx, stop
}

// watchClient calls gone once the other end has closed, and returns when ctx ends.
func watchClient(ctx context.Context, conn net.Conn, gone context.CancelFunc) {
	ticker := time.NewTicker(goneInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if hasHungUp(conn) {
				gone()
				return
			}
		}
	}
}
