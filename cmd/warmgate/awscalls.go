package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/prometheus/client_golang/prometheus"
)

// awsCalls counts calls to AWS; it is a middleware of the SDK's clients.
type awsCalls struct{ total *prometheus.CounterVec }

func newAWSCalls() awsCalls {
	return awsCalls{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warmgate_aws_calls_total",
		Help: "Calls to AWS, each attempt by itself, by outcome: ok, refused (an error of ours, or a condition that does not hold), " +
			"throttled, failed (an error of the service), unanswered.",
	}, []string{"service", "operation", "outcome"})}
}

// ID implements [middleware.FinalizeMiddleware].
func (awsCalls) ID() string { return "CountCalls" }

// HandleFinalize implements [middleware.FinalizeMiddleware].
func (c awsCalls) HandleFinalize(
	ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
) (middleware.FinalizeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleFinalize(ctx, in)
	c.total.WithLabelValues(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx), callOutcome(err)).Inc()
	return out, metadata, err
}

// callOutcome says how an attempt at a call of AWS went.
func callOutcome(err error) string {
	if err == nil {
		return "ok"
	}
	for _, throttles := range retry.DefaultThrottles {
		if throttles.IsErrorThrottle(err) == aws.TrueTernary {
			return "throttled"
		}
	}
	response, answered := errors.AsType[*smithyhttp.ResponseError](err)
	switch api, typed := errors.AsType[smithy.APIError](err); {
	case typed && api.ErrorFault() == smithy.FaultServer, answered && response.HTTPStatusCode() >= 500:
		return "failed"
	case typed:
		return "refused"
	}
	return "unanswered"
}
