package ecstest

import "slices"

// Policy is a dynamic scaling policy on a service.
type Policy struct {
	Name string
	// Suspended: the service's scalable target has its dynamic scaling suspended.
	Suspended bool
}

// AddPolicy puts a policy on a service.
func (f *Fake) AddPolicy(service string, p Policy) {
	f.mu.Lock()
	defer f.mu.Unlock()
	resource := "service/" + f.opts.Cluster + "/" + service
	f.policies[resource] = append(f.policies[resource], p)
}

// The shapes of Application Auto Scaling.

type describeScalingPoliciesInput struct {
	ResourceID string `json:"ResourceId"`
}

type scalingPolicy struct {
	PolicyName        string  `json:"PolicyName"`
	PolicyARN         string  `json:"PolicyARN"`
	PolicyType        string  `json:"PolicyType"`
	ResourceID        string  `json:"ResourceId"`
	ServiceNamespace  string  `json:"ServiceNamespace"`
	ScalableDimension string  `json:"ScalableDimension"`
	CreationTime      float64 `json:"CreationTime"`
}

type describeScalingPoliciesOutput struct {
	ScalingPolicies []scalingPolicy `json:"ScalingPolicies"`
}

type describeScalableTargetsInput struct {
	ResourceIDs []string `json:"ResourceIds"`
}

type suspendedState struct {
	In        bool `json:"DynamicScalingInSuspended"`
	Out       bool `json:"DynamicScalingOutSuspended"`
	Scheduled bool `json:"ScheduledScalingSuspended"`
}

type scalableTarget struct {
	ResourceID        string         `json:"ResourceId"`
	ServiceNamespace  string         `json:"ServiceNamespace"`
	ScalableDimension string         `json:"ScalableDimension"`
	MinCapacity       int            `json:"MinCapacity"`
	MaxCapacity       int            `json:"MaxCapacity"`
	RoleARN           string         `json:"RoleARN"`
	CreationTime      float64        `json:"CreationTime"`
	SuspendedState    suspendedState `json:"SuspendedState"`
}

type describeScalableTargetsOutput struct {
	ScalableTargets []scalableTarget `json:"ScalableTargets"`
}

const (
	scalingNamespace = "ecs"
	scalingDimension = "ecs:service:DesiredCount"
)

func (f *Fake) describeScalingPolicies(in describeScalingPoliciesInput) (describeScalingPoliciesOutput, *Error) {
	out := describeScalingPoliciesOutput{ScalingPolicies: []scalingPolicy{}}
	for resource, policies := range f.policies {
		for _, p := range policies {
			if in.ResourceID == "" || in.ResourceID == resource {
				out.ScalingPolicies = append(out.ScalingPolicies, scalingPolicy{
					PolicyName: p.Name, PolicyARN: f.arn("scalingPolicy", p.Name), PolicyType: "TargetTrackingScaling",
					ResourceID: resource, ServiceNamespace: scalingNamespace, ScalableDimension: scalingDimension,
				})
			}
		}
	}
	return out, nil
}

func (f *Fake) describeScalableTargets(in describeScalableTargetsInput) (describeScalableTargetsOutput, *Error) {
	out := describeScalableTargetsOutput{ScalableTargets: []scalableTarget{}}
	for resource, policies := range f.policies {
		if in.ResourceIDs != nil && !slices.Contains(in.ResourceIDs, resource) {
			continue
		}
		suspended := !slices.ContainsFunc(policies, func(p Policy) bool { return !p.Suspended })
		out.ScalableTargets = append(out.ScalableTargets, scalableTarget{
			ResourceID: resource, ServiceNamespace: scalingNamespace, ScalableDimension: scalingDimension,
			MaxCapacity: 3, RoleARN: "arn:aws:iam::123456789012:role/scaling",
			SuspendedState: suspendedState{In: suspended, Out: suspended, Scheduled: suspended},
		})
	}
	return out, nil
}
