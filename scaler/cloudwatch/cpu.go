package cloudwatch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// cpuPeriod is the resolution of ECS's own metrics; cpuAge is how old a value may
// be: they come a minute or two late.
const (
	cpuPeriod = time.Minute
	cpuAge    = 5 * time.Minute
)

// CPU returns the newest average CPU utilisation of the tasks of an ECS service,
// in percent of what their definition reserves, by one call that is paid for
// (GetMetricData, one metric). cluster is a name or an ARN. ok is false if ECS has
// told nothing in the last five minutes: the service has no task, is not known, or
// has just begun.
func (c *Client) CPU(ctx context.Context, cluster, service string) (percent float64, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	end := time.Now().Truncate(cpuPeriod).Add(cpuPeriod) // whole minutes are answered faster
	out, err := c.api.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(end.Add(-cpuAge)), EndTime: &end, ScanBy: types.ScanByTimestampDescending,
		MetricDataQueries: []types.MetricDataQuery{{
			Id: aws.String("cpu"),
			MetricStat: &types.MetricStat{
				Period: aws.Int32(int32(cpuPeriod / time.Second)), Stat: aws.String(string(types.StatisticAverage)),
				Metric: &types.Metric{
					Namespace: aws.String("AWS/ECS"), MetricName: aws.String("CPUUtilization"),
					Dimensions: []types.Dimension{dimension("ClusterName", resourceName(cluster)), dimension("ServiceName", resourceName(service))},
				},
			},
		}},
	})
	if err != nil {
		return 0, false, fmt.Errorf("read the CPU utilisation of service %s: %w", service, err)
	}
	for _, r := range out.MetricDataResults {
		if len(r.Values) > 0 {
			return r.Values[0], true, nil
		}
	}
	return 0, false, nil
}

// resourceName returns the name in an ARN, or what is a name already.
func resourceName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func dimension(name, value string) types.Dimension {
	return types.Dimension{Name: &name, Value: &value}
}
