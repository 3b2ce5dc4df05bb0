package proxy

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of the data plane. Labels are bounded: never a session id or a path.
type metrics struct {
	requests *prometheus.CounterVec
	wakes    *prometheus.CounterVec
	refused  *prometheus.CounterVec
	escaped  *prometheus.CounterVec
	held     prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, h *Handler) *metrics {
	auto := promauto.With(reg)
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warmgate_held_requests", Help: "Requests that wait for a session to start.",
	}, func() float64 { return float64(h.holds.total.Load()) })
	return &metrics{
		requests: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_requests_total", Help: "Requests answered, by rule and status class.",
		}, []string{"rule", "status"}),
		wakes: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_wakes_total", Help: "Wakes asked for by requests, by request class and outcome.",
		}, []string{"class", "outcome"}),
		refused: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_refused_total", Help: "Requests refused by a bound: wakes, holds, misses.",
		}, []string{"bound"}),
		escaped: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_escaped_requests_total", Help: "Requests led back below their session's prefix by their Referer, by what the browser wanted them for.",
		}, []string{"destination"}),
		held: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "warmgate_held_seconds", Help: "How long requests were held.",
			Buckets: []float64{0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60},
		}),
	}
}

// count adds an answered request.
func (m *metrics) count(l line) {
	m.requests.WithLabelValues(l.Rule, statusClass(l.Status())).Inc()
}

// statusClass is the first digit of a status, as ALB metrics have it.
func statusClass(status int) string {
	switch {
	case status == 0:
		return "none"
	case status < 200:
		return "1xx"
	case status < 300:
		return "2xx"
	case status < 400:
		return "3xx"
	case status < 500:
		return "4xx"
	}
	return "5xx"
}
