package cache

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options set the bounds of a [Cache].
type Options struct {
	// Size is the most sessions kept. Zero means 100,000.
	Size int
	// NegativeSize is the most ids kept that are known not to exist; they are
	// kept apart, so that they cannot push sessions out. Zero means 10,000.
	NegativeSize int
	// Fresh is how long a session is served without asking the store again; in
	// the second half of it a look-up has it read again in the background. Zero
	// means 3 seconds.
	Fresh time.Duration
	// Negative is how long an unknown id is answered without asking the store
	// again. Zero means 1 second.
	Negative time.Duration
	// MaxStale is how long after it was read a session is served while the store
	// cannot be reached. Zero means 1 hour. Its TTL holds all the same: whoever
	// looks at ExpiresAt finds it over in time.
	MaxStale time.Duration
	// Retry is how long after a failed read the next one of the same session is
	// tried, in the background. Zero means 1 second.
	Retry time.Duration
	// Timeout bounds each call of the store that is about one session. Zero
	// means 1 second.
	Timeout time.Duration
	// Registerer gets the metrics; nil means that nobody does.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	for _, n := range []struct {
		value *int
		or    int
	}{{&o.Size, 100_000}, {&o.NegativeSize, 10_000}} {
		if *n.value == 0 {
			*n.value = n.or
		}
	}
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&o.Fresh, 3 * time.Second},
		{&o.Negative, time.Second},
		{&o.MaxStale, time.Hour},
		{&o.Retry, time.Second},
		{&o.Timeout, time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.or
		}
	}
	return o
}
