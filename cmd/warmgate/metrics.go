package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/webordinary/warmgate/proxy/accesslog"
	"github.com/webordinary/warmgate/proxy/warming"
)

// boundMetrics publishes what parts without a metric of their own count at their
// bounds.
func boundMetrics(reg prometheus.Registerer, pages *warming.Pages, log *accesslog.Logger) {
	auto := promauto.With(reg)
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warmgate_event_streams", Help: "Open event streams of warming pages.",
	}, func() float64 { return float64(pages.StreamStats().Open) })
	auto.NewCounterFunc(prometheus.CounterOpts{
		Name: "warmgate_event_streams_refused_total", Help: "Event streams refused by their bound; those pages poll.",
	}, func() float64 { return float64(pages.StreamStats().Refused) })
	auto.NewCounterFunc(prometheus.CounterOpts{
		Name: "warmgate_access_log_dropped_total", Help: "Access lines dropped because their output was too slow.",
	}, func() float64 { return float64(log.Dropped()) })
}
