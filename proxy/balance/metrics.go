package balance

import "github.com/prometheus/client_golang/prometheus"

// collector reads the groups' state when it is asked for.
type collector struct {
	balancer    *Balancer
	targets     *prometheus.Desc
	outstanding *prometheus.Desc
}

func newCollector(b *Balancer) *collector {
	return &collector{
		balancer: b,
		targets: prometheus.NewDesc("warmgate_upstream_targets",
			"Targets of forward rules by health: initial, healthy, unhealthy, draining, unavailable (not checked).", []string{"upstream", "state"}, nil),
		outstanding: prometheus.NewDesc("warmgate_upstream_outstanding_requests",
			"Requests under way at the targets of forward rules, upgraded connections among them.", []string{"upstream"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.targets
	ch <- c.outstanding
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.balancer.Status() {
		count := make(map[State]int)
		outstanding := 0
		for _, t := range s.Targets {
			count[t.State]++
			outstanding += t.Outstanding
		}
		for _, state := range []State{Initial, Healthy, Unhealthy, Draining, Unavailable} {
			ch <- prometheus.MustNewConstMetric(c.targets, prometheus.GaugeValue, float64(count[state]), s.Name, string(state))
		}
		ch <- prometheus.MustNewConstMetric(c.outstanding, prometheus.GaugeValue, float64(outstanding), s.Name)
	}
}
