package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/webordinary/warmgate/scaler/cloudwatch/cloudwatchtest"
)

// TestServeCloudWatch: a session on ECS, and all that is published of it.
func TestServeCloudWatch(t *testing.T) {
	_, ecsURL := fargate(t)
	f := &cloudwatchtest.Fake{}
	metrics := httptest.NewServer(f)
	defer metrics.Close()
	s := start(t, fmt.Sprintf("pools: { edit: { key: '{session}', driver: ecs-task, ecs: { region: us-west-2, endpoint: %q, cluster: edit-cluster, "+
		"task_definition: astro, subnets: [subnet-1], container: astro, env: { SESSION: '{session}' } } } }\n", ecsURL)+
		fmt.Sprintf("cloudwatch: { enabled: true, region: us-west-2, endpoint: %q, interval: 1s, task_hour_price: 0.12 }\n", metrics.URL))
	defer s.end()
	if _, err := s.cli("session", "activate", "--client", "acme", "--id", "s1"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if status, body := get(t, s.public+"/session/s1/"); status != 200 {
			t.Fatalf("GET = %d %q", status, body)
		}
	}
	found := map[string]cloudwatchtest.Statistics{}
	want := []string{
		"ActiveSessionCount", "ActiveSessionCount acme", "SessionActivationTime", "RoutingLatency", "CacheMissRate", "FargateTaskCount", "CostPerSession",
	}
	eventually(t, "all metrics are published", func() bool {
		for _, d := range f.Data() {
			if d.Namespace == "Webordinary/EditSessions" {
				found[strings.TrimSpace(d.Name+" "+d.Dimensions["ClientId"])] = d.Statistics()
			}
		}
		return len(found) == len(want) && found["ActiveSessionCount"].Sum == 1 && found["CostPerSession"].Sum == 0.12
	})
	for _, name := range want {
		if found[name].Count == 0 {
			t.Errorf("%s is not published; found %v", name, found)
		}
	}
	if got := found["FargateTaskCount"].Sum; got != 1 {
		t.Errorf("FargateTaskCount = %v, want 1", got)
	}
	if got := found["SessionActivationTime"]; got.Count != 1 || got.Maximum > 30 {
		t.Errorf("SessionActivationTime = %+v, want one of some seconds", got)
	}

	token, err := os.ReadFile(filepath.Join(s.folder, ".warmgate", "token"))
	if err != nil {
		t.Fatal(err)
	}
	_, text := get(t, s.admin+"/metrics", "Authorization", "Bearer "+strings.TrimSpace(string(token)))
	for _, line := range []string{
		`warmgate_aws_calls_total{operation="RunTask",outcome="ok",service="ECS"} 1`,
		`warmgate_aws_calls_total{operation="PutMetricData",outcome="ok",service="CloudWatch"} `,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("/metrics does not have %s", line)
		}
	}
}

// TestServeWithoutCloudWatch: out of reach it costs nothing but a line in the log.
func TestServeWithoutCloudWatch(t *testing.T) {
	fargate(t) // the AWS environment
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	s := start(t, staticPool(site(t))+
		fmt.Sprintf("cloudwatch: { enabled: true, region: us-west-2, endpoint: %q, interval: 1s }\n", down.URL))
	if _, err := s.cli("session", "activate", "--client", "acme", "--id", "s1"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log tells of it", func() bool { return strings.Contains(s.stderr.String(), "cannot publish all metrics to CloudWatch") })
	if status, body := get(t, s.public+"/session/s1/"); status != 200 {
		t.Errorf("GET = %d %q", status, body)
	}
	began := time.Now()
	s.end()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the end took %s", took)
	}
}

func TestCallOutcome(t *testing.T) {
	t.Parallel()
	response := func(status int, err error) error {
		return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "ok"},
		{response(400, &smithy.GenericAPIError{Code: "ConditionalCheckFailedException"}), "refused"},
		{response(400, &smithy.GenericAPIError{Code: "ThrottlingException"}), "throttled"},
		{response(400, &smithy.GenericAPIError{Code: "ServerException", Fault: smithy.FaultServer}), "failed"},
		{response(503, &smithy.GenericAPIError{Code: "UnknownError"}), "failed"},
		{response(502, &smithy.DeserializationError{Err: errors.New("no JSON")}), "failed"},
		{&smithyhttp.RequestSendError{Err: errors.New("connection refused")}, "unanswered"},
	} {
		if got := callOutcome(c.err); got != c.want {
			t.Errorf("callOutcome(%v) = %s, want %s", c.err, got, c.want)
		}
	}
}
