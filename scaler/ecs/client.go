package ecs

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/time/rate"
)

// The bounds of one call: control paths may take their time, but never for ever.
const (
	callTimeout    = 20 * time.Second
	attemptTimeout = 6 * time.Second
	attempts       = 3
	maxBackoff     = 2 * time.Second
)

// What ECS takes at most in one call.
const (
	describeTasksLimit    = 100
	describeServicesLimit = 10
	protectLimit          = 10
)

// ClientOptions are the settings of a [Client].
type ClientOptions struct {
	// LaunchRate is how many times a second RunTask is called at most, by all
	// pools together. AWS allows 20 to an account, which its replicas share. Zero
	// means 10; a negative number that there is no bound.
	LaunchRate float64
}

// Client makes the calls of all pools of one account and region. Safe for
// concurrent use.
type Client struct {
	ecs      *ecs.Client
	scaling  *applicationautoscaling.Client
	launches *rate.Limiter
}

// NewClient returns a client with deadlines and a retryer of its own; region,
// credentials, endpoint and, if it is not the SDK's, the HTTP client are those
// of cfg.
func NewClient(cfg aws.Config, o ClientOptions) *Client {
	if o.LaunchRate == 0 {
		o.LaunchRate = 10
	}
	limit := rate.Limit(o.LaunchRate)
	if o.LaunchRate < 0 {
		limit = rate.Inf
	}
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
	return &Client{
		ecs:      ecs.NewFromConfig(cfg, func(o *ecs.Options) { o.Retryer = retryer }),
		scaling:  applicationautoscaling.NewFromConfig(cfg, func(o *applicationautoscaling.Options) { o.Retryer = retryer }),
		launches: rate.NewLimiter(limit, int(max(1, o.LaunchRate))),
	}
}

// runTask starts one task, within the rate. The answer may be HTTP 200 with no
// task, which is an error here.
func (c *Client) runTask(ctx context.Context, in *ecs.RunTaskInput) (types.Task, error) {
	if err := c.launches.Wait(ctx); err != nil {
		return types.Task{}, unavailable("start a task: too many starts at once: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := c.ecs.RunTask(ctx, in)
	switch {
	case err != nil:
		return types.Task{}, translate("start a task", err)
	case len(out.Tasks) == 0:
		return types.Task{}, refusal(out.Failures)
	}
	return out.Tasks[0], nil
}

// stopTask asks for a task's end and reports whether there is such a task.
func (c *Client) stopTask(ctx context.Context, cluster, arn, reason string) (exists bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = c.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: &cluster, Task: &arn, Reason: &reason})
	if isInvalidParameter(err) { // the only parameter that may be wrong is the task
		return false, nil
	}
	return err == nil, translate("stop a task", err)
}

// listTasks returns the ARNs of all pages. ECS lists what is to run, whatever
// its state.
func (c *Client) listTasks(ctx context.Context, in *ecs.ListTasksInput) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var arns []string
	pages := ecs.NewListTasksPaginator(c.ecs, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, translate("list the tasks", err)
		}
		arns = append(arns, page.TaskArns...)
	}
	return arns, nil
}

// describeTasks returns the tasks by ARN; those that ECS does not know are not
// among them.
func (c *Client) describeTasks(ctx context.Context, cluster string, arns []string) (map[string]types.Task, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	tasks := make(map[string]types.Task, len(arns))
	for batch := range slices.Chunk(arns, describeTasksLimit) {
		out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{
			Cluster: &cluster, Tasks: batch, Include: []types.TaskField{types.TaskFieldTags},
		})
		if err != nil {
			return nil, translate("describe the tasks", err)
		}
		for _, t := range out.Tasks {
			tasks[aws.ToString(t.TaskArn)] = t
		}
	}
	return tasks, nil
}

// describeServices returns the services by name; those that ECS does not know,
// and those that were deleted, are not among them.
func (c *Client) describeServices(ctx context.Context, cluster string, names []string) (map[string]types.Service, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	services := make(map[string]types.Service, len(names))
	for batch := range slices.Chunk(names, describeServicesLimit) {
		out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: batch})
		if err != nil {
			return nil, translate("describe the services", err)
		}
		for _, s := range out.Services {
			if aws.ToString(s.Status) == "ACTIVE" {
				services[aws.ToString(s.ServiceName)] = s
			}
		}
	}
	return services, nil
}

// setDesired sets the desired count of a service; the last one who does so wins.
func (c *Client) setDesired(ctx context.Context, cluster, service string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: &cluster, Service: &service, DesiredCount: aws.Int32(int32(n)), //nolint:gosec // as many as a pool has tasks
	})
	return translate("set the desired count of service "+service, err)
}

// protect shields tasks from scale-in for so long, or ends that. It returns
// until when each task is protected, and why others are not.
func (c *Client) protect(
	ctx context.Context, cluster string, arns []string, enable bool, d time.Duration,
) (until map[string]time.Time, refused map[string]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	until, refused = make(map[string]time.Time), make(map[string]string)
	for batch := range slices.Chunk(arns, protectLimit) {
		in := &ecs.UpdateTaskProtectionInput{Cluster: &cluster, Tasks: batch, ProtectionEnabled: enable}
		if enable {
			in.ExpiresInMinutes = aws.Int32(int32(d / time.Minute)) //nolint:gosec // at most 48 h
		}
		out, err := c.ecs.UpdateTaskProtection(ctx, in)
		if err != nil {
			return until, refused, translate("protect tasks from scale-in", err)
		}
		for _, t := range out.ProtectedTasks {
			if t.ProtectionEnabled {
				until[aws.ToString(t.TaskArn)] = aws.ToTime(t.ExpirationDate)
			}
		}
		for _, f := range out.Failures {
			refused[aws.ToString(f.Arn)] = aws.ToString(f.Reason)
		}
	}
	return until, refused, nil
}
