package cloudwatchtest

import (
	"maps"
	"slices"
	"time"
)

// mostQueries is how many queries one GetMetricData may have.
const mostQueries = 500

func (f *Fake) getMetricData(in map[string]any) (map[string]any, *Error) {
	queries, start, end := objects(in, "MetricDataQueries"), instant(in, "StartTime"), instant(in, "EndTime")
	switch {
	case len(queries) == 0 || len(queries) > mostQueries:
		return nil, invalid("Validation", "MetricDataQueries must have between 1 and 500 entries")
	case !start.Before(end):
		return nil, invalid("Validation", "The parameter StartTime must be less than the parameter EndTime.")
	}
	var results []any
	for _, q := range queries {
		result, failure := f.query(q, start, end, text(in, "ScanBy") != "TimestampAscending")
		if failure != nil {
			return nil, failure
		}
		results = append(results, result)
	}
	return map[string]any{"MetricDataResults": results}, nil
}

// query answers one query for one metric.
func (f *Fake) query(q map[string]any, start, end time.Time, newestFirst bool) (map[string]any, *Error) {
	stat := object(q, "MetricStat")
	metric := object(stat, "Metric")
	period := time.Duration(number(stat, "Period")) * time.Second
	if text(q, "Id") == "" || metric == nil || period < time.Minute || period%time.Minute != 0 {
		return nil, invalid("Validation", "a query needs an Id and a MetricStat with a Period of whole minutes")
	}
	var dimensions Datum
	if why := dimensions.readDimensions(objects(metric, "Dimensions")); why != "" {
		return nil, invalid("Validation", why)
	}
	byTime := make(map[time.Time]*Statistics)
	for _, d := range f.data {
		at := d.At.UTC().Truncate(period)
		if d.Namespace != text(metric, "Namespace") || d.Name != text(metric, "MetricName") ||
			!maps.Equal(d.Dimensions, dimensions.Dimensions) || at.Before(start) || !at.Before(end) {
			continue
		}
		if byTime[at] == nil {
			byTime[at] = new(Statistics)
		}
		byTime[at].add(d.Statistics())
	}
	times := slices.SortedFunc(maps.Keys(byTime), time.Time.Compare)
	if newestFirst {
		slices.Reverse(times)
	}
	stamps, values := []any{}, []any{}
	for _, at := range times {
		v, ok := byTime[at].statistic(text(stat, "Stat"))
		if !ok {
			return nil, invalid("Validation", "Stat")
		}
		stamps, values = append(stamps, at), append(values, v)
	}
	return map[string]any{
		"Id": text(q, "Id"), "Label": text(metric, "MetricName"), "StatusCode": "Complete", "Timestamps": stamps, "Values": values,
	}, nil
}

// statistic returns the one called name.
func (s *Statistics) statistic(name string) (v float64, ok bool) {
	switch name {
	case "SampleCount":
		return s.Count, true
	case "Sum":
		return s.Sum, true
	case "Average":
		return s.Sum / s.Count, true
	case "Minimum":
		return s.Minimum, true
	case "Maximum":
		return s.Maximum, true
	}
	return 0, false
}
