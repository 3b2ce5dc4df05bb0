//go:build unix

package replicas

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// Balancer hands requests to replicas in turn. Upgrades pass. It asks each replica once a second whether it is ready, as
// load balancers do, and leaves out those that do not say so; a replica that refuses a connection is passed over at once.
// It is an [http.Handler], safe for concurrent use. Make it with [NewBalancer].
type Balancer struct {
	replicas []*backend
	turn     atomic.Uint64
	proxy    *httputil.ReverseProxy
	health   *http.Client
}

type backend struct {
	*Replica
	down atomic.Bool
}

// NewBalancer returns a balancer for the replicas, which all count as ready until [Balancer.Run] finds otherwise.
func NewBalancer(replicas ...*Replica) *Balancer {
	b := &Balancer{health: &http.Client{Timeout: checkInterval}}
	for _, r := range replicas {
		b.replicas = append(b.replicas, &backend{Replica: r})
	}
	b.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "replica"}) // dial knows better
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		// A connection for each request: who dials is whose turn it is.
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, DialContext: b.dial},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // clients leave, replicas die: their answers tell
	}
	return b
}

// ServeHTTP implements [http.Handler].
func (b *Balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.proxy.ServeHTTP(w, r) }

var errNoReplica = errors.New("no replica is ready")

// dial connects to the replica whose turn it is, or to the next that lets it.
func (b *Balancer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	err := errNoReplica
	first := b.turn.Add(1)
	for i := range uint64(len(b.replicas)) {
		r := b.replicas[(first+i)%uint64(len(b.replicas))]
		if r.down.Load() {
			continue
		}
		var d net.Dialer
		var conn net.Conn
		if conn, err = d.DialContext(ctx, "tcp", r.Address()); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// checkInterval is how often replicas are asked for their health, and how long they may take to answer.
const checkInterval = time.Second

// Run looks after the replicas' health until ctx ends.
func (b *Balancer) Run(ctx context.Context) error {
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	for {
		for _, r := range b.replicas {
			go func() { r.down.Store(!ready(ctx, b.health, r.Replica)) }()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
