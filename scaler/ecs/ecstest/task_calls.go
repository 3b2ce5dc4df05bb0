package ecstest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// launched is what an idempotency token stands for.
type launched struct {
	parameters string
	arns       []string
}

// The limits of the API.
const (
	mostTasksPerRun    = 10
	mostOverrideLength = 8192
	mostTags           = 50
	mostDescribed      = 100
	pageSize           = 100
	longestToken       = 64
	longestTagKey      = 128
	longestTagValue    = 256
)

var (
	startedBySyntax = regexp.MustCompile(`^[A-Za-z0-9_/-]{0,128}$`)
	tagSyntax       = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]*$`)
)

// Capacity providers of Fargate.
const (
	fargate     = "FARGATE"
	fargateSpot = "FARGATE_SPOT"
)

func (f *Fake) runTask(in runTaskInput) (runTaskOutput, *Error) {
	if err := f.checkRunTask(&in); err != nil {
		return runTaskOutput{}, err
	}
	var out runTaskOutput
	token := in.ClientToken
	in.ClientToken = ""
	parameters, err := json.Marshal(in)
	if err != nil {
		return out, invalidParameter(err.Error())
	}
	if before, ok := f.tokens[token]; ok && token != "" {
		if before.parameters != string(parameters) {
			return out, &Error{
				Status: http.StatusBadRequest, Code: "ConflictException",
				Message: "The client token was used with other parameters.", ResourceIDs: before.arns,
			}
		}
		for _, arn := range before.arns {
			if t := f.byARN[arn]; t != nil {
				out.Tasks = append(out.Tasks, t.wire)
			}
		}
		return out, nil
	}
	var arns []string
	for range *in.Count {
		f.runOne(&in, &out)
	}
	for _, t := range out.Tasks {
		arns = append(arns, t.TaskARN)
	}
	if arns != nil {
		f.tokens[token] = launched{string(parameters), arns}
	}
	return out, nil
}

// runOne makes one task, or a failure.
func (f *Fake) runOne(in *runTaskInput, out *runTaskOutput) {
	w := wireTask{
		TaskDefinitionARN: in.TaskDefinition, StartedBy: in.StartedBy, Group: in.Group, Tags: in.Tags,
		LaunchType: fargate, CapacityProviderName: fargate,
	}
	if len(in.CapacityProviders) > 0 {
		w.CapacityProviderName = in.CapacityProviders[0].CapacityProvider
	}
	script := f.script(&w, "")
	if script.Refusal != "" {
		out.Failures = append(out.Failures, failure{Reason: script.Refusal})
		return
	}
	var override *containerOverride
	if in.Overrides != nil && len(in.Overrides.Containers) > 0 {
		override = &in.Overrides.Containers[0]
	}
	out.Tasks = append(out.Tasks, f.launch(w, nil, override, script).wire)
}

func (f *Fake) script(w *wireTask, service string) Script {
	if f.opts.Plan == nil {
		return Script{}
	}
	return f.opts.Plan(Launch{N: len(f.tasks), CapacityProvider: w.CapacityProviderName, Service: service, Tags: tagMap(w.Tags)})
}

// checkRunTask refuses what the service refuses, and fills in the count.
func (f *Fake) checkRunTask(in *runTaskInput) *Error {
	if err := f.checkCluster(in.Cluster); err != nil {
		return err
	}
	if in.Count == nil {
		one := 1
		in.Count = &one
	}
	family, _, _ := strings.Cut(in.TaskDefinition, ":")
	overrides, err := json.Marshal(in.Overrides)
	switch {
	case err != nil:
		return invalidParameter(err.Error())
	case f.opts.TaskDefinitions != nil && !slices.Contains(f.opts.TaskDefinitions, family):
		return &Error{Status: http.StatusBadRequest, Code: "ClientException", Message: "TaskDefinition not found."}
	case *in.Count < 1 || *in.Count > mostTasksPerRun:
		return invalidParameter("count must be between 1 and 10")
	case in.LaunchType != "" && len(in.CapacityProviders) > 0:
		return invalidParameter("Specifying both a launch type and capacity provider strategy is not supported.")
	case in.NetworkConfiguration == nil || len(in.NetworkConfiguration.VPC.Subnets) == 0:
		return invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	case len(in.ClientToken) > longestToken:
		return invalidParameter("clientToken is longer than 64 characters")
	case !startedBySyntax.MatchString(in.StartedBy):
		return invalidParameter("Invalid startedBy: " + in.StartedBy)
	case len(overrides) > mostOverrideLength:
		return invalidParameter("Container Overrides length must be at most 8192")
	}
	return checkTags(in.Tags)
}

func checkTags(tags []tag) *Error {
	if len(tags) > mostTags {
		return invalidParameter("too many tags")
	}
	for i, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > longestTagKey || utf8.RuneCountInString(t.Value) > longestTagValue:
			return invalidParameter("a tag is too long: " + t.Key)
		case !tagSyntax.MatchString(t.Key) || !tagSyntax.MatchString(t.Value):
			return invalidParameter("a tag has characters that are not allowed: " + t.Key)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return invalidParameter("aws: is reserved")
		case slices.ContainsFunc(tags[:i], func(other tag) bool { return other.Key == t.Key }):
			return invalidParameter("a tag is there twice: " + t.Key)
		}
	}
	return nil
}

func (f *Fake) stopTask(in stopTaskInput) (stopTaskOutput, *Error) {
	if err := f.checkCluster(in.Cluster); err != nil {
		return stopTaskOutput{}, err
	}
	t := f.find(in.Task)
	if t == nil {
		return stopTaskOutput{}, invalidParameter("The referenced task was not found.")
	}
	reason := in.Reason
	if reason == "" {
		reason = "Task stopped by user"
	}
	f.stop(t, "UserInitiated", reason)
	return stopTaskOutput{Task: t.wire}, nil
}

// find returns the task with the ARN or the id.
func (f *Fake) find(name string) *task {
	if t := f.byARN[name]; t != nil {
		return t
	}
	return f.byARN[f.arn("task", name)]
}

func (f *Fake) listTasks(in listTasksInput) (listTasksOutput, *Error) {
	out := listTasksOutput{TaskARNs: []string{}}
	if err := f.checkCluster(in.Cluster); err != nil {
		return out, err
	}
	if in.StartedBy != "" && (in.ServiceName != "" || in.Family != "" || in.LaunchType != "" || in.DesiredStatus != "") {
		return out, invalidParameter("startedBy must be the only filter")
	}
	if in.ServiceName != "" && f.service(in.ServiceName) == nil {
		return out, serviceNotFound()
	}
	desired, size := in.DesiredStatus, pageSize
	if desired == "" {
		desired = running
	}
	if in.MaxResults != nil {
		size = min(size, *in.MaxResults)
	}
	skip, _ := strconv.Atoi(in.NextToken)
	for _, t := range f.tasks {
		if f.byARN[t.wire.TaskARN] == nil || !t.visible() || !in.matches(t, desired) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(out.TaskARNs) == size {
			begun, _ := strconv.Atoi(in.NextToken)
			out.NextToken = strconv.Itoa(begun + size)
			break
		}
		out.TaskARNs = append(out.TaskARNs, t.wire.TaskARN)
	}
	return out, nil
}

func (in listTasksInput) matches(t *task, desired string) bool {
	family, _, _ := strings.Cut(t.wire.TaskDefinitionARN, ":")
	return t.wire.DesiredStatus == desired &&
		(in.StartedBy == "" || t.wire.StartedBy == in.StartedBy) &&
		(in.Family == "" || family == in.Family) &&
		(in.LaunchType == "" || t.wire.LaunchType == in.LaunchType) &&
		(in.ServiceName == "" || t.service != nil && t.service.is(in.ServiceName))
}

func (f *Fake) describeTasks(in describeTasksInput) (runTaskOutput, *Error) {
	out := runTaskOutput{Tasks: []wireTask{}, Failures: []failure{}}
	if err := f.checkCluster(in.Cluster); err != nil {
		return out, err
	}
	if len(in.Tasks) == 0 || len(in.Tasks) > mostDescribed {
		return out, invalidParameter("Tasks must have between 1 and 100 entries.")
	}
	for _, name := range in.Tasks {
		t := f.find(name)
		if t == nil || !t.visible() {
			out.Failures = append(out.Failures, failure{ARN: name, Reason: "MISSING"})
			continue
		}
		w := t.wire
		if !slices.Contains(in.Include, "TAGS") {
			w.Tags = nil
		}
		out.Tasks = append(out.Tasks, w)
	}
	return out, nil
}

func (f *Fake) tagResource(in tagResourceInput) (struct{}, *Error) {
	t := f.find(in.ResourceARN)
	if t == nil {
		return struct{}{}, &Error{Status: http.StatusBadRequest, Code: "ResourceNotFoundException", Message: "The specified resource was not found."}
	}
	tags := slices.DeleteFunc(slices.Clone(t.wire.Tags), func(old tag) bool {
		return slices.ContainsFunc(in.Tags, func(n tag) bool { return n.Key == old.Key })
	})
	tags = append(tags, in.Tags...)
	if err := checkTags(tags); err != nil {
		return struct{}{}, err
	}
	t.wire.Tags = tags
	return struct{}{}, nil
}
