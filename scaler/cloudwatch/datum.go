package cloudwatch

import (
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// single returns a datum with one value.
func single(name string, unit types.StandardUnit, value float64) types.MetricDatum {
	return types.MetricDatum{MetricName: &name, Unit: unit, Value: &value}
}

// rate returns a percentage of so many samples, as a statistic set: an average
// over several of them gives each its weight, minimum and maximum are those of
// an interval.
func rate(name string, percent, samples float64) types.MetricDatum {
	return types.MetricDatum{
		MetricName: &name, Unit: types.StandardUnitPercent,
		StatisticValues: &types.StatisticSet{
			SampleCount: &samples, Sum: aws.Float64(percent * samples), Minimum: &percent, Maximum: &percent,
		},
	}
}

// stamp says when the data were measured.
func stamp(data []types.MetricDatum, at time.Time) []types.MetricDatum {
	for i := range data {
		data[i].Timestamp = &at
	}
	return data
}

// What one PutMetricData may have: so many data, and 1 MB. Data are added up
// unpacked, so that it does not matter how well they are packed.
const (
	batchData  = 1000
	batchBytes = 900 << 10
)

// batches yields the data in parts that one call may have.
func batches(data []types.MetricDatum) iter.Seq[[]types.MetricDatum] {
	return func(yield func([]types.MetricDatum) bool) {
		first, bytes := 0, 0
		for i := range data {
			more := size(&data[i])
			if i-first == batchData || i > first && bytes+more > batchBytes {
				if !yield(data[first:i]) {
					return
				}
				first, bytes = i, 0
			}
			bytes += more
		}
		if first < len(data) {
			yield(data[first:])
		}
	}
}

// size returns more than a datum takes in CBOR: names of members and what is
// around them, 9 bytes for a number, texts as they are.
func size(d *types.MetricDatum) int {
	n := 256 + len(*d.MetricName) + len(d.Unit) + 9*(len(d.Values)+len(d.Counts))
	for _, dim := range d.Dimensions {
		n += 32 + len(*dim.Name) + len(*dim.Value)
	}
	return n
}
