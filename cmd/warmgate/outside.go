package main

import (
	"context"
	"net"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/prometheus/client_golang/prometheus"
)

// outside is how the process reaches what is not its own.
type outside struct {
	// dial connects to tasks and upstreams; nil means a [net.Dialer].
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// awsClient sends the calls to AWS, but for those of the store, which brings
	// its own; nil means the SDK's.
	awsClient aws.HTTPClient
	// calls counts those to AWS.
	calls awsCalls
}

func newOutside() *outside { return &outside{calls: newAWSCalls()} }

// register publishes how many calls were made.
func (o *outside) register(reg prometheus.Registerer) { reg.MustRegister(o.calls.total) }
