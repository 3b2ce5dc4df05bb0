package certificate

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Options of a [Store]. The zero value of every field is usable.
type Options struct {
	// Interval is the time between two looks at the files. Zero means 10 s.
	Interval time.Duration
	// Registerer takes the metrics; nil means none are kept.
	Registerer prometheus.Registerer
	// Logger is told of renewed certificates and of files that cannot be used; nil
	// means nobody is.
	Logger *slog.Logger
}

// Store holds the certificates in use. Safe for concurrent use.
type Store struct {
	options Options
	mu      sync.Mutex // of those who change set
	set     atomic.Pointer[Set]
}

// NewStore returns a Store that uses set.
func NewStore(set *Set, o Options) *Store {
	if o.Interval <= 0 {
		o.Interval = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{options: o}
	s.set.Store(set)
	promauto.With(o.Registerer).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warmgate_tls_certificate_end_timestamp_seconds", Help: "When the first of the certificates in use ends.",
	}, func() float64 { return float64(s.set.Load().ends().Unix()) })
	return s
}

// Use puts other certificates in place, for the connections from now on.
func (s *Store) Use(set *Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set.Store(set)
}

// Choose is for [tls.Config.GetCertificate].
func (s *Store) Choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.set.Load().choose(hello), nil
}

// Run looks at the files until ctx ends. A changed pair that cannot be used leaves
// the old one in place, which is logged.
func (s *Store) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.options.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.renew()
		}
	}
}

func (s *Store) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh, err := s.set.Load().renewed()
	if err != nil {
		s.options.Logger.Error("a changed certificate cannot be used; the old one stays", "error", err)
	}
	if fresh != nil {
		s.set.Store(fresh)
		if err == nil {
			s.options.Logger.Info("certificates renewed", "first_end", fresh.ends())
		}
	}
}
