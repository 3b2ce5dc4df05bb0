package main

import (
	"context"

	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/static"
)

// bucketOptions returns where the objects of the action come from. Nothing is sent.
func (o *outside) bucketOptions(a *route.Static) (static.BucketOptions, error) {
	cfg, err := o.aws(context.Background(), "static", a.Region)
	if err != nil {
		return static.BucketOptions{}, err
	}
	return static.BucketOptions{Config: cfg, Name: a.S3, Prefix: a.Prefix, Endpoint: a.Endpoint}, nil
}
