package cloudwatch

import (
	"fmt"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Where this replica's own measurements are found (docs/metrics.md).
const (
	tasksMetric   = "warmgate_tasks"
	lookupsMetric = "warmgate_session_lookups_total"
	startsMetric  = "warmgate_task_start_duration_seconds"
	routingMetric = "warmgate_routing_seconds"
)

// reading is where this replica's metrics stand.
type reading struct {
	// tasks is how many the pools on Fargate have now, in whatever state.
	tasks           float64
	lookups, misses float64
	starts, routing histogram
}

// histogram has, for each upper bound of its buckets, in ascending order, how many
// values were in that bucket.
type histogram struct {
	bounds []float64
	counts []uint64
}

// read reads the metrics; those that there are, if not all can be had.
func read(from prometheus.Gatherer, pools []string) (reading, error) {
	var r reading
	families, err := from.Gather()
	if err != nil {
		err = fmt.Errorf("read the metrics: %w", err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case tasksMetric:
				if slices.Contains(pools, label(m, "pool")) {
					r.tasks += m.GetGauge().GetValue()
				}
			case lookupsMetric:
				r.lookups += m.GetCounter().GetValue()
				if label(m, "result") == "miss" {
					r.misses += m.GetCounter().GetValue()
				}
			case startsMetric:
				if label(m, "phase") == "total" {
					r.starts.add(m.GetHistogram())
				}
			case routingMetric:
				r.routing.add(m.GetHistogram())
			}
		}
	}
	return r, err
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// add adds the buckets of one more histogram with the same bounds.
func (h *histogram) add(more *dto.Histogram) {
	if h.bounds == nil {
		for _, b := range more.GetBucket() {
			h.bounds = append(h.bounds, b.GetUpperBound())
		}
		h.bounds = append(h.bounds, math.Inf(1))
		h.counts = make([]uint64, len(h.bounds))
	}
	var below uint64
	for i, b := range more.GetBucket() {
		h.counts[i] += b.GetCumulativeCount() - below
		below = b.GetCumulativeCount()
	}
	h.counts[len(h.counts)-1] += more.GetSampleCount() - below
}

// since returns what happened after an earlier reading.
func (r reading) since(before reading) reading {
	r.lookups -= before.lookups
	r.misses -= before.misses
	r.starts = r.starts.since(before.starts)
	r.routing = r.routing.since(before.routing)
	return r
}

func (h histogram) since(before histogram) histogram {
	h.counts = slices.Clone(h.counts)
	for i := range before.counts {
		h.counts[i] -= before.counts[i]
	}
	return h
}

// data returns the measurements of the time between two readings; nothing for
// what did not happen.
func (r reading) data() []types.MetricDatum {
	var data []types.MetricDatum
	if r.lookups > 0 {
		data = append(data, rate("CacheMissRate", 100*r.misses/r.lookups, r.lookups))
	}
	data = append(data, r.starts.data("SessionActivationTime", types.StandardUnitSeconds, 1)...)
	return append(data, r.routing.data("RoutingLatency", types.StandardUnitMilliseconds, 1000)...)
}

// data returns the values with how often they occurred. A value is the middle of
// its bucket; beyond the last bound it is that bound.
func (h histogram) data(name string, unit types.StandardUnit, scale float64) []types.MetricDatum {
	d := types.MetricDatum{MetricName: &name, Unit: unit}
	lower := 0.0
	for i, upper := range h.bounds {
		if h.counts[i] > 0 {
			value := (lower + upper) / 2
			if math.IsInf(upper, 1) {
				value = lower
			}
			d.Values = append(d.Values, value*scale)
			d.Counts = append(d.Counts, float64(h.counts[i]))
		}
		lower = upper
	}
	if d.Values == nil {
		return nil
	}
	return []types.MetricDatum{d}
}
