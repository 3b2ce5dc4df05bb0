package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// malformedGrace is how long a connection stays after net/http has refused its only
// request: the refusal is on its way.
const malformedGrace = 250 * time.Millisecond

// malformedWatch closes HTTP/2 connections that send malformed requests. A request
// with connection-specific fields, or TE other than trailers, is a stream error
// (RFC 9113 8.1.1, 8.2.2); net/http answers 400 before any handler sees it, and goes
// on. What can be seen of that is a connection that was busy without a handler.
type malformedWatch struct {
	conns sync.Map // net.Conn -> *watchedConn
}

type watchedConn struct {
	begun   bool // net/http says active and idle once before the first request
	handled atomic.Int64
}

type watchedConnKey struct{}

// watch puts the watch into a server that has its handler and ConnContext already.
func (m *malformedWatch) watch(s *http.Server) {
	next, connContext := s.Handler, s.ConnContext
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(watchedConnKey{}).(*watchedConn); ok {
			c.handled.Add(1)
		}
		next.ServeHTTP(w, r)
	})
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		c := &watchedConn{}
		m.conns.Store(conn, c)
		return context.WithValue(connContext(ctx, conn), watchedConnKey{}, c)
	}
	s.ConnState = m.state
}

// state is for http.Server.ConnState: one call at a time for each connection.
func (m *malformedWatch) state(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateClosed, http.StateHijacked:
		m.conns.Delete(conn)
	case http.StateIdle:
		v, ok := m.conns.Load(conn)
		secure, isTLS := conn.(*tls.Conn)
		if !ok || !isTLS || secure.ConnectionState().NegotiatedProtocol != "h2" {
			return
		}
		c := v.(*watchedConn)
		if !c.begun {
			c.begun = true
			return
		}
		if c.handled.Swap(0) > 0 {
			return
		}
		// A handler may be about to begin whose client has left already.
		time.AfterFunc(malformedGrace, func() {
			if c.handled.Load() == 0 {
				_ = conn.Close()
			}
		})
	}
}
