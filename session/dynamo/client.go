package dynamo

import (
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"
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
)

// idleConnections is how many idle connections a client keeps: as many as a
// burst of look-ups uses at once.
const idleConnections = 128

// dataClient returns the client of the calls that a request may wait for.
func dataClient(o Options) (*dynamodb.Client, *http.Client) {
	h := newHTTPClient(o.AttemptTimeout)
	return newClient(o.Config, o.Endpoint, h, dataAttempts, dataBackoff), h
}

// controlClient returns the client of all other calls.
func controlClient(config aws.Config, endpoint string) (*dynamodb.Client, *http.Client) {
	h := newHTTPClient(controlAttemptTimeout)
	return newClient(config, endpoint, h, controlAttempts, controlBackoff), h
}

// NewControlClient returns a client for [CreateTable]: patient, and of no use
// where a request waits.
func NewControlClient(config aws.Config, endpoint string) *dynamodb.Client {
	c, _ := controlClient(config, endpoint)
	return c
}

// newHTTPClient returns a client with a connection pool of its own, which ends
// each attempt in time.
func newHTTPClient(attemptTimeout time.Duration) *http.Client {
	t := awshttp.NewBuildableClient().GetTransport()
	t.DialContext = (&net.Dialer{Timeout: attemptTimeout, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = attemptTimeout
	t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConnections, idleConnections
	return &http.Client{Transport: t, Timeout: attemptTimeout}
}

// newClient makes the retryer here so that no environment variable changes it.
func newClient(config aws.Config, endpoint string, h *http.Client, attempts int, backoff time.Duration) *dynamodb.Client {
	return dynamodb.NewFromConfig(config, func(c *dynamodb.Options) {
		c.HTTPClient = h
		c.Logger = logging.Nop{} // it would write past ours; what matters comes as an error
		c.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = attempts
			r.MaxBackoff = backoff
		})
		if endpoint != "" {
			c.BaseEndpoint = aws.String(endpoint)
		}
	})
}
