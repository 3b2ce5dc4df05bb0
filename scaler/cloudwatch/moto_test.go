package cloudwatch

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"

	"github.com/webordinary/warmgate/scaler/mototest"
	"github.com/webordinary/warmgate/session"
)

// TestMoto publishes to somebody else's idea of CloudWatch and reads it back, so
// that our fake is not the only judge. Moto knows the older protocol only, which
// the SDK speaks as well.
func TestMoto(t *testing.T) {
	server := mototest.Start(t)
	transport := &http.Transport{DisableKeepAlives: true}
	c := &Client{api: cloudwatch.NewFromConfig(awsConfig(&http.Client{Transport: transport}, server.Endpoint), func(o *cloudwatch.Options) {
		o.Protocol, o.DisableRequestCompression = awsquery.New(schemas.GraniteServiceVersion20100801), true
	})}
	m, sessions := newMeasurements(), &list{}
	p, err := New(Options{
		Client: c, Namespace: namespace, Sessions: sessions, Gatherer: m.registry, Pools: []string{"edit"}, TaskHourPrice: 0.5, MaxClients: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	sessions.add(2, "acme", session.Active, time.Hour)
	m.tasks.WithLabelValues("edit", "ready").Set(1)
	m.lookups.WithLabelValues("hit").Add(3)
	m.lookups.WithLabelValues("miss").Add(1)
	m.starts.WithLabelValues("edit", "total").Observe(15)
	m.routing.Observe(.0005)
	if err := p.publish(t.Context()); err != nil {
		t.Fatalf("publish = %v", err)
	}
	for _, w := range []struct {
		name, client string
		unit         types.StandardUnit
		average      float64
	}{
		{"ActiveSessionCount", "", types.StandardUnitCount, 2},
		{"ActiveSessionCount", "acme", types.StandardUnitCount, 2},
		{"FargateTaskCount", "", types.StandardUnitCount, 1},
		{"CostPerSession", "", types.StandardUnitNone, 0.25},
		{"CacheMissRate", "", types.StandardUnitPercent, 25},
		{"SessionActivationTime", "", types.StandardUnitSeconds, 15},
		{"RoutingLatency", "", types.StandardUnitMilliseconds, 0.5},
	} {
		in := &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String(namespace), MetricName: &w.name, Period: aws.Int32(60), Unit: w.unit,
			StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(time.Hour)),
			Statistics: []types.Statistic{types.StatisticAverage},
		}
		if w.client != "" {
			in.Dimensions = []types.Dimension{dimension("ClientId", w.client)}
		}
		out, err := c.api.GetMetricStatistics(t.Context(), in)
		if err != nil || len(out.Datapoints) == 0 || aws.ToFloat64(out.Datapoints[0].Average) != w.average {
			t.Errorf("%s of %q = %+v, %v, want %v", w.name, w.client, out, err, w.average)
		}
	}
	if _, ok, err := c.CPU(t.Context(), "edit-cluster", "edit-service"); ok || err != nil {
		t.Errorf("CPU = %t, %v, want nothing", ok, err)
	}
}
