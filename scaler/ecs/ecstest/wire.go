package ecstest

import "time"

// The shapes of the wire, as far as they are used here. Times are seconds since
// 1970.

type keyValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type failure struct {
	ARN    string `json:"arn,omitempty"`
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

type attachment struct {
	ID      string     `json:"id"`
	Type    string     `json:"type"`
	Status  string     `json:"status"`
	Details []keyValue `json:"details"`
}

type wireContainer struct {
	Name       string `json:"name"`
	LastStatus string `json:"lastStatus"`
	ExitCode   *int   `json:"exitCode,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

type wireTask struct {
	TaskARN              string          `json:"taskArn"`
	ClusterARN           string          `json:"clusterArn"`
	TaskDefinitionARN    string          `json:"taskDefinitionArn"`
	LastStatus           string          `json:"lastStatus"`
	DesiredStatus        string          `json:"desiredStatus"`
	StartedBy            string          `json:"startedBy,omitempty"`
	Group                string          `json:"group,omitempty"`
	LaunchType           string          `json:"launchType,omitempty"`
	CapacityProviderName string          `json:"capacityProviderName,omitempty"`
	Attachments          []attachment    `json:"attachments"`
	Containers           []wireContainer `json:"containers"`
	Tags                 []tag           `json:"tags,omitempty"`
	StopCode             string          `json:"stopCode,omitempty"`
	StoppedReason        string          `json:"stoppedReason,omitempty"`
	CreatedAt            float64         `json:"createdAt,omitempty"`
	PullStartedAt        float64         `json:"pullStartedAt,omitempty"`
	PullStoppedAt        float64         `json:"pullStoppedAt,omitempty"`
	StartedAt            float64         `json:"startedAt,omitempty"`
	StoppingAt           float64         `json:"stoppingAt,omitempty"`
	StoppedAt            float64         `json:"stoppedAt,omitempty"`
	Version              int             `json:"version"`
}

type event struct {
	ID        string  `json:"id"`
	CreatedAt float64 `json:"createdAt"`
	Message   string  `json:"message"`
}

type wireService struct {
	ServiceARN     string  `json:"serviceArn"`
	ServiceName    string  `json:"serviceName"`
	ClusterARN     string  `json:"clusterArn"`
	Status         string  `json:"status"`
	TaskDefinition string  `json:"taskDefinition"`
	DesiredCount   int     `json:"desiredCount"`
	RunningCount   int     `json:"runningCount"`
	PendingCount   int     `json:"pendingCount"`
	Events         []event `json:"events"`
}

type strategyItem struct {
	CapacityProvider string `json:"capacityProvider"`
	Weight           int    `json:"weight"`
	Base             int    `json:"base"`
}

type containerOverride struct {
	Name        string     `json:"name"`
	Command     []string   `json:"command,omitempty"`
	Environment []keyValue `json:"environment,omitempty"`
}

type runTaskInput struct {
	Cluster              string         `json:"cluster"`
	TaskDefinition       string         `json:"taskDefinition"`
	Count                *int           `json:"count"`
	ClientToken          string         `json:"clientToken"`
	LaunchType           string         `json:"launchType"`
	CapacityProviders    []strategyItem `json:"capacityProviderStrategy"`
	StartedBy            string         `json:"startedBy"`
	Group                string         `json:"group"`
	PlatformVersion      string         `json:"platformVersion"`
	Tags                 []tag          `json:"tags"`
	NetworkConfiguration *struct {
		VPC struct {
			Subnets        []string `json:"subnets"`
			SecurityGroups []string `json:"securityGroups"`
			AssignPublicIP string   `json:"assignPublicIp"`
		} `json:"awsvpcConfiguration"`
	} `json:"networkConfiguration"`
	Overrides *struct {
		Containers []containerOverride `json:"containerOverrides"`
	} `json:"overrides"`
}

type runTaskOutput struct {
	Tasks    []wireTask `json:"tasks"`
	Failures []failure  `json:"failures"`
}

type stopTaskInput struct {
	Cluster string `json:"cluster"`
	Task    string `json:"task"`
	Reason  string `json:"reason"`
}

type stopTaskOutput struct {
	Task wireTask `json:"task"`
}

type listTasksInput struct {
	Cluster       string `json:"cluster"`
	ServiceName   string `json:"serviceName"`
	StartedBy     string `json:"startedBy"`
	Family        string `json:"family"`
	LaunchType    string `json:"launchType"`
	DesiredStatus string `json:"desiredStatus"`
	MaxResults    *int   `json:"maxResults"`
	NextToken     string `json:"nextToken"`
}

type listTasksOutput struct {
	TaskARNs  []string `json:"taskArns"`
	NextToken string   `json:"nextToken,omitempty"`
}

type describeTasksInput struct {
	Cluster string   `json:"cluster"`
	Tasks   []string `json:"tasks"`
	Include []string `json:"include"`
}

type describeServicesInput struct {
	Cluster  string   `json:"cluster"`
	Services []string `json:"services"`
}

type describeServicesOutput struct {
	Services []wireService `json:"services"`
	Failures []failure     `json:"failures"`
}

type updateServiceInput struct {
	Cluster      string `json:"cluster"`
	Service      string `json:"service"`
	DesiredCount *int   `json:"desiredCount"`
}

type updateServiceOutput struct {
	Service wireService `json:"service"`
}

type updateTaskProtectionInput struct {
	Cluster           string   `json:"cluster"`
	Tasks             []string `json:"tasks"`
	ProtectionEnabled bool     `json:"protectionEnabled"`
	ExpiresInMinutes  *int     `json:"expiresInMinutes"`
}

type protectedTask struct {
	TaskARN           string  `json:"taskArn"`
	ProtectionEnabled bool    `json:"protectionEnabled"`
	ExpirationDate    float64 `json:"expirationDate,omitempty"`
}

type updateTaskProtectionOutput struct {
	ProtectedTasks []protectedTask `json:"protectedTasks"`
	Failures       []failure       `json:"failures"`
}

type tagResourceInput struct {
	ResourceARN string `json:"resourceArn"`
	Tags        []tag  `json:"tags"`
}

// seconds returns t as the wire has it, 0 for no time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
