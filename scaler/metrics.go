package scaler

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/webordinary/warmgate/session"
)

// metrics counts what the scaler does.
type metrics struct {
	starts       *prometheus.CounterVec
	phases       *prometheus.HistogramVec
	releaseDelay *prometheus.HistogramVec
	losses       *prometheus.CounterVec
	stops        *prometheus.CounterVec
	failedStops  *prometheus.CounterVec
	refusals     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, s *Scaler) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "warmgate", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return f.NewHistogramVec(prometheus.HistogramOpts{Namespace: "warmgate", Name: name, Help: help, Buckets: buckets}, labels)
	}
	startBuckets := []float64{.05, .1, .25, .5, 1, 2, 3, 5, 8, 13, 20, 30, 45, 60, 90, 120, 300}
	releaseBuckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}
	m := &metrics{
		starts:       counter("task_starts_total", "Starts of tasks by outcome.", "pool", "outcome"),
		phases:       histogram("task_start_duration_seconds", "Time that starts spent in each phase, and in total.", startBuckets, "pool", "phase"),
		releaseDelay: histogram("task_release_delay_seconds", "Time from a site's first answer until its waiting requests may go on.", releaseBuckets, "pool"),
		losses:       counter("task_losses_total", "Ready tasks that were lost.", "pool"),
		stops:        counter("task_stops_total", "Tasks whose stop was confirmed.", "pool"),
		failedStops:  counter("task_stop_failures_total", "Tries to stop a task that failed.", "pool"),
		refusals:     counter("wakes_refused_total", "Wakes that were refused, by reason.", "pool", "reason"),
	}
	if reg != nil {
		reg.MustRegister(newStateCollector(s))
	}
	return m
}

// started counts the end of a start. s.mu is held.
func (m *metrics) started(t *task, err error, now time.Time) {
	m.starts.WithLabelValues(t.pool.Name, outcome(err)).Inc()
	if err != nil {
		return
	}
	for i, step := range t.steps {
		end := now
		if i+1 < len(t.steps) {
			end = t.steps[i+1].At
		}
		m.phases.WithLabelValues(t.pool.Name, string(step.Phase)).Observe(max(0, end.Sub(step.At)).Seconds())
	}
	m.phases.WithLabelValues(t.pool.Name, "total").Observe(now.Sub(t.began).Seconds())
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ready"
	case errors.Is(err, errAbandoned):
		return "abandoned"
	case errors.Is(err, session.ErrStartTimeout):
		return "timeout"
	case errors.Is(err, session.ErrCapacity):
		return "capacity"
	}
	return "failed"
}

func (m *metrics) released(p *pool, delay time.Duration) {
	m.releaseDelay.WithLabelValues(p.Name).Observe(delay.Seconds())
}

func (m *metrics) lost(p *pool) { m.losses.WithLabelValues(p.Name).Inc() }

func (m *metrics) stopped(p *pool, err error) {
	if err != nil {
		m.failedStops.WithLabelValues(p.Name).Inc()
		return
	}
	m.stops.WithLabelValues(p.Name).Inc()
}

// refused counts a wake that was refused because of a bound.
func (m *metrics) refused(p *pool, reason string) {
	m.refusals.WithLabelValues(p.Name, reason).Inc()
}

// stateCollector reads the scaler's state when it is asked for.
type stateCollector struct {
	s       *Scaler
	tasks   *prometheus.Desc
	desired *prometheus.Desc
	inLine  *prometheus.Desc
	awake   *prometheus.Desc
}

func newStateCollector(s *Scaler) *stateCollector {
	return &stateCollector{
		s:       s,
		tasks:   prometheus.NewDesc("warmgate_tasks", "Tasks by state.", []string{"pool", "state"}, nil),
		desired: prometheus.NewDesc("warmgate_tasks_desired", "Tasks that sessions, warm hours and load ask for; more than there are while a ceiling is reached.", []string{"pool"}, nil),
		inLine:  prometheus.NewDesc("warmgate_launches_waiting", "Starts that wait for their turn.", []string{"pool"}, nil),
		awake:   prometheus.NewDesc("warmgate_sessions_awake", "Sessions that are served or being started.", []string{"pool"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.tasks
	ch <- c.desired
	ch <- c.inLine
	ch <- c.awake
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	now := time.Now()
	awake := make(map[*pool]int)
	for _, e := range c.s.sessions {
		if _, pool := e.live.ID().Pool(); !pool && (e.mode == warming || e.mode == serving) {
			awake[e.pool]++
		}
	}
	for _, p := range c.s.pools {
		count := make(map[stage]int)
		inLine, desired := 0, 0
		for t := range p.tasks {
			count[t.stage]++
			if t.stage == starting && t.turn.at.After(now) {
				inLine++
			}
		}
		for _, g := range p.groups {
			desired += p.policy.desired(g.demand(now))
		}
		for state, name := range map[stage]string{starting: "starting", cordoned: "cordoned", ready: "ready", doomed: "stopping"} {
			ch <- prometheus.MustNewConstMetric(c.tasks, prometheus.GaugeValue, float64(count[state]), p.Name, name)
		}
		ch <- prometheus.MustNewConstMetric(c.desired, prometheus.GaugeValue, float64(desired), p.Name)
		ch <- prometheus.MustNewConstMetric(c.inLine, prometheus.GaugeValue, float64(inLine), p.Name)
		ch <- prometheus.MustNewConstMetric(c.awake, prometheus.GaugeValue, float64(awake[p]), p.Name)
	}
}
