package dynamo

import (
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// The calls of the control path and those that move many items at once.
const (
	controlAttemptTimeout = 5 * time.Second
	controlAttempts       = 3
	controlBackoff        = time.Second
)

// The calls that a request may wait for. The SDK's own backoff takes seconds.
const (
	dataAttempts = 2
	dataBackoff  = 50 * time.Millisecond
	// dataConnections is how many idle connections are kept: as many as a burst
	// of look-ups uses at once.
	dataConnections = 128
)

func newDataClient(o Options) *dynamodb.Client {
	return newClient(o, o.AttemptTimeout, dataAttempts, dataBackoff)
}

// NewControlClient returns a client for [CreateTable]: patient,
// and of no use where a request waits.
func NewControlClient(config aws.Config, endpoint string) *dynamodb.Client {
	return newClient(Options{Config: config, Endpoint: endpoint}, controlAttemptTimeout, controlAttempts, controlBackoff)
}

// newClient returns a client with a connection pool of its own. The retryer is
// made here so that no environment variable changes it.
func newClient(o Options, attemptTimeout time.Duration, attempts int, backoff time.Duration) *dynamodb.Client {
	transport := awshttp.NewBuildableClient().
		WithTimeout(attemptTimeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = attemptTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = attemptTimeout
			t.MaxIdleConns = dataConnections
			t.MaxIdleConnsPerHost = dataConnections
		})
	return dynamodb.NewFromConfig(o.Config, func(c *dynamodb.Options) {
		c.HTTPClient = transport
		c.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = attempts
			r.MaxBackoff = backoff
		})
		if o.Endpoint != "" {
			c.BaseEndpoint = aws.String(o.Endpoint)
		}
	})
}
