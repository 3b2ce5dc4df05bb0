package cache

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/webordinary/warmgate/session"
)

// metrics of a Cache.
type metrics struct {
	hits, misses, negative, stale prometheus.Counter
	refreshes                     prometheus.Counter
	storeSeconds                  *prometheus.HistogramVec
	storeErrors                   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, sessions func() int) *metrics {
	f := promauto.With(reg)
	lookups := f.NewCounterVec(prometheus.CounterOpts{
		Name: "warmgate_session_lookups_total",
		Help: "Look-ups of a session, by how they were answered: from memory (hit, negative), from memory because the store is down (stale), by the store (miss).",
	}, []string{"result"})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warmgate_session_cached",
		Help: "Sessions in the cache.",
	}, func() float64 { return float64(sessions()) })
	return &metrics{
		hits:     lookups.WithLabelValues("hit"),
		misses:   lookups.WithLabelValues("miss"),
		negative: lookups.WithLabelValues("negative"),
		stale:    lookups.WithLabelValues("stale"),
		refreshes: f.NewCounter(prometheus.CounterOpts{
			Name: "warmgate_session_refreshes_total",
			Help: "Reads of cached sessions in the background.",
		}),
		storeSeconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "warmgate_session_store_seconds",
			Help:    "Time that the session store took, by operation.",
			Buckets: []float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3},
		}, []string{"operation"}),
		storeErrors: f.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_session_store_errors_total",
			Help: "Operations that the session store could not carry out, by operation. Refusals (not found, conflict, over) are none.",
		}, []string{"operation"}),
	}
}

// observe records a call of the store that began at begin.
func (m *metrics) observe(operation string, begin time.Time, err error) {
	m.storeSeconds.WithLabelValues(operation).Observe(time.Since(begin).Seconds())
	if err != nil && !refused(err) && !errors.Is(err, context.Canceled) {
		m.storeErrors.WithLabelValues(operation).Inc()
	}
}

// refused reports whether err is the store's answer about what is stored, not
// the lack of one.
func refused(err error) bool {
	return errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrExpired)
}

// down reports whether err says that the store cannot be reached.
func down(err error) bool {
	return errors.Is(err, session.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// extenderMetrics of an Extender.
type extenderMetrics struct {
	writes, failures, dropped prometheus.Counter
}

func newExtenderMetrics(reg prometheus.Registerer, pending func() int) *extenderMetrics {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warmgate_session_touches_pending",
		Help: "Sessions with activity that is not written to the store yet.",
	}, func() float64 { return float64(pending()) })
	writes := f.NewCounterVec(prometheus.CounterOpts{
		Name: "warmgate_session_touches_total",
		Help: "Writes of coalesced activity: written, failed (tried again), dropped (the session is over).",
	}, []string{"result"})
	return &extenderMetrics{
		writes:   writes.WithLabelValues("written"),
		failures: writes.WithLabelValues("failed"),
		dropped:  writes.WithLabelValues("dropped"),
	}
}
