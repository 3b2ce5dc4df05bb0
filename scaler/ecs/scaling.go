package ecs

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/webordinary/warmgate/session"
)

// livePolicies returns the names of the scaling policies that change the desired
// count of a service. Those of a target whose dynamic scaling is suspended do not.
func (c *Client) livePolicies(ctx context.Context, cluster, service string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	const operation = "look for scaling policies"
	resource := aws.String("service/" + clusterName(cluster) + "/" + service)
	policies, err := c.scaling.DescribeScalingPolicies(ctx, &applicationautoscaling.DescribeScalingPoliciesInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: resource,
		ScalableDimension: types.ScalableDimensionECSServiceDesiredCount,
	})
	if err != nil || len(policies.ScalingPolicies) == 0 {
		return nil, translate(operation, err)
	}
	targets, err := c.scaling.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceIds: []string{*resource},
		ScalableDimension: types.ScalableDimensionECSServiceDesiredCount,
	})
	if err != nil {
		return nil, translate(operation, err)
	}
	suspended := func(t types.ScalableTarget) bool {
		s := t.SuspendedState
		return s != nil && aws.ToBool(s.DynamicScalingInSuspended) && aws.ToBool(s.DynamicScalingOutSuspended)
	}
	if slices.ContainsFunc(targets.ScalableTargets, suspended) {
		return nil, nil
	}
	var names []string
	for _, p := range policies.ScalingPolicies {
		names = append(names, aws.ToString(p.PolicyName))
	}
	return names, nil
}

func isUnavailable(err error) bool { return errors.Is(err, session.ErrUnavailable) }

// clusterName returns the name of a cluster that is given by name or by ARN.
func clusterName(cluster string) string {
	return cluster[strings.LastIndexByte(cluster, '/')+1:]
}
