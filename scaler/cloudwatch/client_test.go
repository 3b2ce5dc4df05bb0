package cloudwatch

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/scaler/cloudwatch/cloudwatchtest"
)

// TestPut: what the SDK's client sends is what the fake has, in each form.
func TestPut(t *testing.T) {
	f := &cloudwatchtest.Fake{}
	c := networked(t, f)
	at := time.UnixMilli(time.Now().UnixMilli())
	dims := []types.Dimension{dimension("ClientId", "acme")}
	data := []types.MetricDatum{
		single("One", types.StandardUnitCount, 3),
		{MetricName: aws.String("Many"), Unit: types.StandardUnitSeconds, Values: []float64{1, 2.5}, Counts: []float64{4, 1}, Dimensions: dims},
		rate("Set", 25, 8),
	}
	if err := c.put(t.Context(), namespace, stamp(data, at)); err != nil {
		t.Fatal(err)
	}
	want := []cloudwatchtest.Datum{
		{Namespace: namespace, Name: "One", At: at, Unit: "Count", Values: []float64{3}, Counts: []float64{1}},
		{
			Namespace: namespace, Name: "Many", At: at, Unit: "Seconds", Values: []float64{1, 2.5}, Counts: []float64{4, 1},
			Dimensions: map[string]string{"ClientId": "acme"},
		},
		{Namespace: namespace, Name: "Set", At: at, Unit: "Percent", Set: &cloudwatchtest.Statistics{Count: 8, Sum: 200, Minimum: 25, Maximum: 25}},
	}
	if diff := cmp.Diff(want, f.Data()); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
}

// TestPutMany: the most that one call may have, which the SDK packs.
func TestPutMany(t *testing.T) {
	f := &cloudwatchtest.Fake{}
	c := networked(t, f)
	data := slices.Repeat([]types.MetricDatum{single("One", types.StandardUnitCount, 1)}, batchData)
	if err := c.put(t.Context(), namespace, data); err != nil {
		t.Fatal(err)
	}
	if got := len(f.Data()); got != batchData {
		t.Errorf("%d data arrive, want %d", got, batchData)
	}
}

// TestPutRefused: the fake refuses what the service does, with a typed error that
// the client does not try again.
func TestPutRefused(t *testing.T) {
	good := single("One", types.StandardUnitCount, 1)
	with := func(change func(*types.MetricDatum)) []types.MetricDatum {
		d := good
		change(&d)
		return []types.MetricDatum{d}
	}
	for name, c := range map[string]struct {
		namespace string
		data      []types.MetricDatum
	}{
		"namespace of AWS": {"AWS/ECS", []types.MetricDatum{good}},
		"too many":         {namespace, slices.Repeat([]types.MetricDatum{good}, 1001)},
		"not a number":     {namespace, with(func(d *types.MetricDatum) { d.Value = aws.Float64(math.NaN()) })},
		"too old":          {namespace, with(func(d *types.MetricDatum) { d.Timestamp = aws.Time(time.Now().AddDate(0, 0, -15)) })},
		"no such unit":     {namespace, with(func(d *types.MetricDatum) { d.Unit = "Dollars" })},
		"two forms":        {namespace, with(func(d *types.MetricDatum) { d.Values = []float64{1} })},
		"empty dimension":  {namespace, with(func(d *types.MetricDatum) { d.Dimensions = []types.Dimension{dimension("ClientId", "")} })},
		"too many values": {namespace, with(func(d *types.MetricDatum) {
			d.Value, d.Values = nil, make([]float64, 151)
		})},
		"counts without values": {namespace, with(func(d *types.MetricDatum) {
			d.Value, d.Values, d.Counts = nil, []float64{1, 2}, []float64{1}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			f := &cloudwatchtest.Fake{}
			err := networked(t, f).put(t.Context(), c.namespace, c.data)
			if _, typed := errors.AsType[*types.InvalidParameterValueException](err); !typed {
				t.Errorf("put = %v, want an InvalidParameterValueException", err)
			}
			if len(f.Data()) != 0 || f.Count("PutMetricData") != 1 {
				t.Errorf("%d data arrive by %d calls", len(f.Data()), f.Count("PutMetricData"))
			}
		})
	}
}

// TestPutThrottled: a throttled call is tried again, not for ever.
func TestPutThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &cloudwatchtest.Fake{}
		c := direct(f)
		data := []types.MetricDatum{single("One", types.StandardUnitCount, 1)}
		f.Throttle("PutMetricData", 1)
		if err := c.put(t.Context(), namespace, data); err != nil {
			t.Errorf("put = %v, want success with the second attempt", err)
		}
		f.Fail("PutMetricData", -1, cloudwatchtest.Error{Status: http.StatusInternalServerError, Code: "InternalServiceFault"})
		err := c.put(t.Context(), namespace, data)
		if _, typed := errors.AsType[*types.InternalServiceFault](err); !typed {
			t.Errorf("put = %v, want the service's error", err)
		}
		if got := f.Count("PutMetricData"); got != 2+attempts {
			t.Errorf("%d attempts, want %d", got, 2+attempts)
		}
	})
}

// TestCPU: the newest minute counts; nothing is no 0; clusters may be ARNs.
func TestCPU(t *testing.T) {
	f := &cloudwatchtest.Fake{}
	c := networked(t, f)
	put := func(service string, ago time.Duration, percents ...float64) {
		for _, percent := range percents {
			f.Add(cloudwatchtest.Datum{
				Namespace: "AWS/ECS", Name: "CPUUtilization", Unit: "Percent", At: time.Now().Add(-ago),
				Dimensions: map[string]string{"ClusterName": "edit-cluster", "ServiceName": service},
				Values:     []float64{percent}, Counts: []float64{1},
			})
		}
	}
	put("busy", 3*time.Minute, 10)
	put("busy", 2*time.Minute, 40, 60)
	put("old", 10*time.Minute, 90)
	for _, cluster := range []string{"edit-cluster", "arn:aws:ecs:us-west-2:123456789012:cluster/edit-cluster"} {
		if percent, ok, err := c.CPU(t.Context(), cluster, "busy"); percent != 50 || !ok || err != nil {
			t.Errorf("CPU(%s, busy) = %v, %t, %v, want 50", cluster, percent, ok, err)
		}
	}
	for _, c2 := range []struct{ cluster, service string }{{"edit-cluster", "old"}, {"edit-cluster", "unknown"}, {"other", "busy"}} {
		if percent, ok, err := c.CPU(t.Context(), c2.cluster, c2.service); ok || err != nil {
			t.Errorf("CPU%v = %v, %t, %v, want nothing", c2, percent, ok, err)
		}
	}
	f.Fail("GetMetricData", 1, cloudwatchtest.Error{Status: 400, Code: "AccessDenied", Message: "no"})
	if _, ok, err := c.CPU(t.Context(), "edit-cluster", "busy"); ok || err == nil {
		t.Errorf("CPU = %t, %v, want an error", ok, err)
	}
	if got := fmt.Sprint(f.Counts()); got != "map[GetMetricData:6]" {
		t.Errorf("calls: %s, want one for each", got)
	}
}
