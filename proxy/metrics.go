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
	routing  prometheus.Histogram
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
		routing: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "warmgate_routing_seconds", Help: "Time from a request's arrival until it was sent on, of those that found their upstream ready.",
			Buckets: []float64{
				1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5,
			},
		}),
	}
}

// statusClasses are the values of the status label: the first digit, as ALB
// metrics have it, or none for a connection that was cut.
var statusClasses = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

func statusClass(status int) int { return min(max(status/100, 0), len(statusClasses)-1) }

// ruleCounters count the answers of one rule, by status class.
type ruleCounters [len(statusClasses)]prometheus.Counter

func (m *metrics) countersOf(rule string) *ruleCounters {
	var c ruleCounters
	for i, class := range statusClasses {
		c[i] = m.requests.WithLabelValues(rule, class)
	}
	return &c
}

func (c *ruleCounters) count(status int) { c[statusClass(status)].Inc() }
