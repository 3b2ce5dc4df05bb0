package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/middleware"
)

// aws returns the region and the credentials of the AWS environment (variables,
// shared files, the task's role); region, if not empty, takes the place of its own.
// Section is the part of the configuration, for errors. Nothing is sent:
// credentials are asked for with the first call. The calls of clients made with it
// are counted.
func (o *outside) aws(ctx context.Context, section, region string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	switch {
	case err != nil:
		return aws.Config{}, fmt.Errorf("%s: read the AWS environment: %w", section, err)
	case cfg.Region == "":
		return aws.Config{}, fmt.Errorf("%s.region: there is none: set it, or AWS_REGION", section)
	}
	if o.awsClient != nil {
		cfg.HTTPClient = o.awsClient
	}
	cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error {
		return s.Finalize.Insert(o.calls, (&retry.Attempt{}).ID(), middleware.After) // once for each attempt
	})
	return cfg, nil
}
