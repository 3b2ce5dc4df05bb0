package socket

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics count what the hub does. Which sockets are open is read from the hub
// at scrape time.
type metrics struct {
	refused  *prometheus.CounterVec
	pings    *prometheus.CounterVec
	messages map[direction]prometheus.Counter
	bytes    map[direction]prometheus.Counter
	reloads  prometheus.Counter
	lost     prometheus.Counter
}

// byDirection resolves the counters that every message needs.
func byDirection(c *prometheus.CounterVec) map[direction]prometheus.Counter {
	return map[direction]prometheus.Counter{
		toUpstream: c.WithLabelValues(string(toUpstream)),
		toClient:   c.WithLabelValues(string(toClient)),
	}
}

func newMetrics(reg prometheus.Registerer, h *Hub) metrics {
	f := promauto.With(reg)
	for _, k := range []Kind{HMR, Other} {
		f.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "warmgate_sockets_open", Help: "Open websockets of sessions, parked ones among them.",
			ConstLabels: prometheus.Labels{"kind": string(k)},
		}, func() float64 { return float64(h.openOf(k)) })
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warmgate_sockets_parked", Help: "HMR sockets kept open and silent while their session is not ready.",
	}, func() float64 { return float64(h.parkedNow()) })
	return metrics{
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_socket_refused_total", Help: "Websocket upgrades refused, by reason.",
		}, []string{"reason"}),
		pings: f.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_socket_vite_pings_total", Help: "Probes of tabs that lost their HMR socket, by status answered.",
		}, []string{"status"}),
		messages: byDirection(f.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_socket_messages_total", Help: "Websocket messages passed on, by direction.",
		}, []string{"direction"})),
		bytes: byDirection(f.NewCounterVec(prometheus.CounterOpts{
			Name: "warmgate_socket_bytes_total", Help: "Payload bytes of websocket messages passed on, by direction.",
		}, []string{"direction"})),
		reloads: f.NewCounter(prometheus.CounterOpts{
			Name: "warmgate_socket_reloads_total", Help: "Tabs told to reload.",
		}),
		lost: f.NewCounter(prometheus.CounterOpts{
			Name: "warmgate_socket_upstream_lost_total", Help: "HMR sockets whose dev server went away while its session was ready.",
		}),
	}
}
