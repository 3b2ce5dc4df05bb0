package cloudwatch

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// The bounds of one call: nobody waits for it, but it ends before the next one.
const (
	callTimeout    = 20 * time.Second
	attemptTimeout = 6 * time.Second
	attempts       = 3
	maxBackoff     = 2 * time.Second
)

// Client makes the calls of one account and region. Safe for concurrent use.
type Client struct{ api *cloudwatch.Client }

// NewClient returns a client with deadlines and a retryer of its own; region,
// credentials, endpoint and, if it is not the SDK's, the HTTP client are those
// of cfg.
func NewClient(cfg aws.Config) *Client {
	switch c := cfg.HTTPClient.(type) {
	case nil:
		cfg.HTTPClient = awshttp.NewBuildableClient().WithTimeout(attemptTimeout)
	case *awshttp.BuildableClient:
		cfg.HTTPClient = c.WithTimeout(attemptTimeout)
	}
	retryer := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff
		o.Backoff = retry.NewExponentialJitterBackoff(maxBackoff)
	})
	return &Client{api: cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) { o.Retryer = retryer })}
}

// put publishes data, of which there are not more than one call may have.
func (c *Client) put(ctx context.Context, namespace string, data []types.MetricDatum) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.api.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: data})
	return err
}
