package ecs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// The capacity providers of Fargate.
const (
	providerSpot     = "FARGATE_SPOT"
	providerOnDemand = "FARGATE"
)

// Start implements [scaler.Driver]. ECS is told a token made of the spec's, so
// that two replicas that start the same get the same task.
func (d *TaskDriver) Start(ctx context.Context, spec scaler.TaskSpec) (string, error) {
	if id, err := d.admit(ctx, spec.Token); id != "" || err != nil {
		return id, err
	}
	provider := providerSpot
	if d.opts.Capacity == OnDemand {
		provider = providerOnDemand
	}
	now, err := d.launch(ctx, spec, provider, "")
	if errors.Is(err, session.ErrCapacity) && d.opts.Capacity == SpotFirst {
		d.log.InfoContext(ctx, "no room on Spot; asking for on-demand", "key", spec.Key, "error", err)
		now, err = d.launch(ctx, spec, providerOnDemand, "")
	}
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.add(spec, now)
	d.tell()
	d.poll.kick()
	return t.id, nil
}

// admit returns the task that the token has given already, if any.
func (d *TaskDriver) admit(ctx context.Context, token string) (id string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case !d.open:
		return "", errClosed
	}
	for _, t := range d.tasks {
		if t.spec.Token == token {
			return t.id, nil
		}
	}
	return "", nil
}

// launch starts a task on the provider, in place of the one with the ARN
// replaces, if any. ECS remembers tokens for a day: a task that has ended
// meanwhile is no answer, and the next token of the same line is tried.
func (d *TaskDriver) launch(ctx context.Context, spec scaler.TaskSpec, provider, replaces string) (types.Task, error) {
	const tries = 3
	in, err := d.runInput(spec, provider, replaces)
	if err != nil {
		return types.Task{}, err
	}
	seed := d.opts.StartedBy + "\n" + spec.Token + "\n" + provider
	for range tries {
		sum := sha256.Sum256([]byte(seed))
		in.ClientToken = aws.String(hex.EncodeToString(sum[:]))
		var t types.Task
		if t, err = d.client.runTask(ctx, in); err != nil {
			t, err = d.conflicting(ctx, err)
		}
		if err != nil {
			return types.Task{}, err
		}
		if aws.ToString(t.DesiredStatus) != statusStopped {
			t.Tags = in.Tags
			return t, nil
		}
		seed += "\n" + aws.ToString(t.TaskArn)
	}
	return types.Task{}, fmt.Errorf("%w: every task that ECS gives for it has ended already", session.ErrStartFailed)
}

// conflicting returns the task that another replica has started for the same
// token with other settings; err is returned if it tells of something else.
func (d *TaskDriver) conflicting(ctx context.Context, err error) (types.Task, error) {
	conflict, is := errors.AsType[*types.ConflictException](err)
	if !is || len(conflict.ResourceIds) == 0 {
		return types.Task{}, err
	}
	arn := conflict.ResourceIds[0]
	found, describeErr := d.client.describeTasks(ctx, d.opts.Cluster, []string{arn})
	if describeErr != nil {
		return types.Task{}, describeErr
	}
	t, ok := found[arn]
	if !ok {
		return types.Task{}, unavailable("start a task: ECS does not show the task yet that was started for it")
	}
	return t, nil
}

// runInput is the call for one task.
func (d *TaskDriver) runInput(spec scaler.TaskSpec, provider, replaces string) (*ecs.RunTaskInput, error) {
	in := &ecs.RunTaskInput{
		Cluster: &d.opts.Cluster, TaskDefinition: &d.opts.TaskDefinition, StartedBy: &d.opts.StartedBy,
		Group: aws.String("warmgate:" + d.opts.Pool), Tags: specTags(spec), Count: aws.Int32(1),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets: d.opts.Subnets, SecurityGroups: d.opts.SecurityGroups, AssignPublicIp: types.AssignPublicIpDisabled,
		}},
	}
	if d.opts.PublicIP {
		in.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp = types.AssignPublicIpEnabled
	}
	// A launch type and a strategy exclude each other; the former works in any cluster.
	if provider == providerOnDemand {
		in.LaunchType = types.LaunchTypeFargate
	} else {
		in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: &provider, Weight: 1}}
	}
	if replaces != "" {
		in.Tags = appendTag(in.Tags, tagReplaces, replaces)
	}
	for _, name := range slices.Sorted(maps.Keys(d.opts.Tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: &name, Value: aws.String(d.opts.Tags[name])})
	}
	override, err := d.override(spec)
	in.Overrides = override
	return in, err
}

// override is what the container is told; nil if that is nothing.
func (d *TaskDriver) override(spec scaler.TaskSpec) (*types.TaskOverride, error) {
	const longest = 8192
	if d.opts.Container == "" {
		return nil, nil //nolint:nilnil // no override is a valid one
	}
	c := types.ContainerOverride{Name: &d.opts.Container}
	length := 0
	expand := func(template string) string {
		s, _ := scaler.Expand(template, specVariables(spec)) // Validate has checked it
		length += len(s)
		return s
	}
	for _, arg := range d.opts.Command {
		c.Command = append(c.Command, expand(arg))
	}
	for _, name := range slices.Sorted(maps.Keys(d.opts.Env)) {
		c.Environment = append(c.Environment, types.KeyValuePair{Name: &name, Value: aws.String(expand(d.opts.Env[name]))})
		length += len(name)
	}
	if length > longest {
		return nil, fmt.Errorf("%w: command and env have %d bytes; ECS takes at most %d", session.ErrStartFailed, length, longest)
	}
	return &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{c}}, nil
}

// wantsOnDemand reports whether a Spot task has found no place, so that an
// on-demand one is to take over: AWS does not do that by itself. d.mu is held.
func (d *TaskDriver) wantsOnDemand(t *fargateTask) bool {
	if d.opts.Capacity != SpotFirst || t.ran || t.fallErr != nil || t.stopping || aws.ToString(t.now.CapacityProviderName) != providerSpot {
		return false
	}
	if aws.ToString(t.now.DesiredStatus) == statusStopped {
		return t.now.StopCode == types.TaskStopCodeSpotInterruption || t.now.StopCode == types.TaskStopCodeTerminationNotice ||
			lacksCapacity(aws.ToString(t.now.StoppedReason))
	}
	return aws.ToString(t.now.LastStatus) == statusProvisioning && time.Since(t.begun) >= d.opts.SpotTimeout
}

// fallBack starts an on-demand task for each Spot task that found no place.
// d.mu is held.
func (d *TaskDriver) fallBack() {
	for _, t := range d.tasks {
		if d.wantsOnDemand(t) && !t.falling && d.open {
			t.falling = true
			d.log.Info("no place on Spot; an on-demand task takes over", "key", t.spec.Key, "task", t.id)
			d.work.Go(func() { d.takeOver(t) })
		}
	}
}

// takeOver starts the on-demand task that takes over under t's identity.
func (d *TaskDriver) takeOver(t *fargateTask) {
	now, err := d.launch(d.background, t.spec, providerOnDemand, t.id)
	d.mu.Lock()
	defer d.mu.Unlock()
	t.falling = false
	switch {
	case errors.Is(err, session.ErrUnavailable) || d.background.Err() != nil: // tried again at the next asking
		return
	case err != nil:
		t.fallErr = err
		d.log.Warn("no on-demand task either", "key", t.spec.Key, "task", t.id, "error", err)
	default:
		d.mergeFound(aws.ToString(now.TaskArn), now)
	}
	d.tell()
	d.poll.kick()
}
