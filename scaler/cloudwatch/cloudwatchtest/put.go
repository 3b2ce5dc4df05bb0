package cloudwatchtest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Datum is one datum as it was put.
type Datum struct {
	Namespace string
	Name      string
	// Dimensions by name; nil if there are none.
	Dimensions map[string]string
	// At is the end of the time it is about.
	At   time.Time
	Unit string
	// Values, and how often each occurred. A datum with one value has that.
	Values []float64
	Counts []float64
	// Set has the statistics of one that came as a statistic set, without values.
	Set *Statistics
}

// Statistics of values.
type Statistics struct{ Count, Sum, Minimum, Maximum float64 }

// Statistics returns those of the datum, in whatever form it came.
func (d Datum) Statistics() Statistics {
	if d.Set != nil {
		return *d.Set
	}
	var s Statistics
	for i, v := range d.Values {
		s.add(Statistics{Count: d.Counts[i], Sum: v * d.Counts[i], Minimum: v, Maximum: v})
	}
	return s
}

// add adds more to s.
func (s *Statistics) add(more Statistics) {
	if s.Count == 0 {
		*s = more
		return
	}
	s.Count += more.Count
	s.Sum += more.Sum
	s.Minimum, s.Maximum = min(s.Minimum, more.Minimum), max(s.Maximum, more.Maximum)
}

// The limits of PutMetricData.
const (
	mostData       = 1000
	mostValues     = 150
	mostDimensions = 30
	longestName    = 255
	longestValue   = 1024
	oldest         = 14 * 24 * time.Hour
	newest         = 2 * time.Hour
)

var largest = math.Pow(2, 360)

func (f *Fake) putMetricData(in map[string]any) (map[string]any, *Error) {
	namespace, list := text(in, "Namespace"), objects(in, "MetricData")
	switch {
	case namespace == "" || len(namespace) > longestName:
		return nil, invalid("InvalidParameterValue", "Namespace")
	case strings.HasPrefix(namespace, "AWS/"):
		return nil, invalid("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
	case len(list) == 0:
		return nil, invalid("MissingRequiredParameter", "MetricData")
	case len(list) > mostData:
		return nil, invalid("InvalidParameterValue", "The collection MetricData must not have a size greater than 1000.")
	}
	var data []Datum
	for i, m := range list {
		d, why := datum(namespace, m)
		if why != "" {
			return nil, invalid("InvalidParameterValue", fmt.Sprintf("MetricData.member.%d: %s", i+1, why))
		}
		data = append(data, d)
	}
	f.data = append(f.data, data...)
	return map[string]any{}, nil
}

// datum reads one datum, or says why the service refuses it.
func datum(namespace string, m map[string]any) (d Datum, why string) {
	d = Datum{
		Namespace: namespace, Name: text(m, "MetricName"), At: instant(m, "Timestamp"), Unit: text(m, "Unit"),
		Values: numbers(m, "Values"), Counts: numbers(m, "Counts"),
	}
	if d.At.IsZero() {
		d.At = time.Now()
	}
	if d.Unit == "" {
		d.Unit = string(types.StandardUnitNone)
	}
	single, isSingle := m["Value"].(float64)
	set := object(m, "StatisticValues")
	if age := time.Since(d.At); age > oldest || age < -newest {
		return d, "Timestamp"
	}
	switch {
	case d.Name == "" || len(d.Name) > longestName:
		return d, "MetricName"
	case !slices.Contains(types.StandardUnit("").Values(), types.StandardUnit(d.Unit)):
		return d, "Unit"
	case count(isSingle, set != nil, d.Values != nil) != 1:
		return d, "exactly one of Value, Values and StatisticValues must be there"
	case len(d.Values) > mostValues:
		return d, "more than 150 Values"
	case d.Counts != nil && len(d.Counts) != len(d.Values):
		return d, "Counts must have as many entries as Values"
	}
	switch {
	case isSingle:
		d.Values, d.Counts = []float64{single}, []float64{1}
	case set != nil:
		d.Set = &Statistics{
			Count: number(set, "SampleCount"), Sum: number(set, "Sum"), Minimum: number(set, "Minimum"), Maximum: number(set, "Maximum"),
		}
	case d.Counts == nil:
		d.Counts = slices.Repeat([]float64{1}, len(d.Values))
	}
	if why := d.checkNumbers(); why != "" {
		return d, why
	}
	return d, d.readDimensions(objects(m, "Dimensions"))
}

// checkNumbers says which number the service refuses.
func (d *Datum) checkNumbers() string {
	s := d.Statistics()
	for _, n := range append([]float64{s.Count, s.Sum, s.Minimum, s.Maximum}, d.Values...) {
		if math.IsNaN(n) || math.Abs(n) > largest {
			return "a value is no number that is allowed"
		}
	}
	if slices.ContainsFunc(d.Counts, func(n float64) bool { return !(n > 0) }) || s.Count <= 0 {
		return "a count is not above 0"
	}
	if s.Minimum > s.Maximum {
		return "Minimum is above Maximum"
	}
	return ""
}

func (d *Datum) readDimensions(list []map[string]any) (why string) {
	if len(list) > mostDimensions {
		return "more than 30 dimensions"
	}
	for _, m := range list {
		name, value := text(m, "Name"), text(m, "Value")
		if name == "" || len(name) > longestName || strings.HasPrefix(name, ":") || value == "" || len(value) > longestValue {
			return "a dimension needs a name and a value that are not too long"
		}
		if d.Dimensions == nil {
			d.Dimensions = make(map[string]string)
		}
		d.Dimensions[name] = value
	}
	return ""
}

// count returns how many are true.
func count(facts ...bool) (n int) {
	for _, is := range facts {
		if is {
			n++
		}
	}
	return n
}
