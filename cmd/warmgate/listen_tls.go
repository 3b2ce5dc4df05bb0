package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/webordinary/warmgate/proxy/certificate"
)

// Bounds of an HTTP/2 connection beside those of every connection: a peer that is
// silent is asked whether it lives, and one that reads nothing is given up.
const (
	http2PingAfter    = 30 * time.Second
	http2PingTimeout  = 15 * time.Second
	http2WriteTimeout = 60 * time.Second
)

// newTLSServer returns a server that speaks HTTP/2 and HTTP/1.1 over TLS.
func newTLSServer(c *Config, h http.Handler, store *certificate.Store, logger *slog.Logger) *http.Server {
	s := newServer(c, h, logger)
	s.TLSConfig = &tls.Config{MinVersion: c.TLS.minVersion(), GetCertificate: store.Choose}
	s.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams: c.TLS.Streams,
		SendPingTimeout:      http2PingAfter, PingTimeout: http2PingTimeout, WriteByteTimeout: http2WriteTimeout,
	}
	s.ErrorLog = log.New(&peerLog{logger}, "", 0)
	return s
}

// peerLog keeps out of the log what peers do wrong: whoever can connect can make any
// number of lines.
type peerLog struct{ logger *slog.Logger }

// Write implements io.Writer for one line of net/http.
func (l *peerLog) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	for _, theirs := range []string{"TLS handshake error", "http2: server", "http2: received GOAWAY"} {
		if bytes.Contains(line, []byte(theirs)) {
			level = slog.LevelDebug
		}
	}
	l.logger.Log(context.Background(), level, "the TLS listener reports", "line", string(bytes.TrimSpace(line)))
	return len(line), nil
}
