package main

import (
	"crypto/rand"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/lease"
)

// alone reports whether no other replica can share the store: a file has one
// process that opens it.
func (c *Config) alone() bool { return c.Store.Kind != storeDynamoDB }

// clockSkew is how far the clocks of two replicas may differ. Time
// synchronization keeps them within milliseconds.
func (c *Config) clockSkew() time.Duration {
	if c.alone() {
		return 0
	}
	return 5 * time.Second
}

// scalerLease is held by the replica that does what one at a time may do.
func scalerLease(records session.Records, metrics prometheus.Registerer, logger *slog.Logger) (*lease.Lease, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unnamed"
	}
	return lease.New(records, lease.Options{
		Key: "lease/scaler", Holder: host + "/" + rand.Text(), Registerer: metrics, Logger: logger,
	})
}
