package ecs

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/scaler/mototest"
)

// TestMoto runs the drivers against somebody else's idea of ECS, so that our fake
// is not the only judge. Moto has no Spot, idempotency, protection or service tasks.
func TestMoto(t *testing.T) {
	m := &moto{Server: mototest.Start(t)}
	client := NewClient(awsConfig(&http.Client{Transport: motoTransport{}}, m.Endpoint), ClientOptions{})
	m.prepare(t, client.ecs)

	t.Run("ecs-task", func(t *testing.T) {
		o := taskOptions(client)
		o.Capacity, o.Subnets, o.SecurityGroups = OnDemand, []string{m.subnet}, []string{m.group}
		d := openTasks(t, o)
		id := start(t, d, "a")
		got := await(t, d, id, scaler.TaskRunning)
		if host, _, err := net.SplitHostPort(got.Target.Addr); err != nil || net.ParseIP(host) == nil {
			t.Errorf("Target.Addr = %q, want an IP address and a port", got.Target.Addr)
		}
		if other := await(t, openTasks(t, o), id, scaler.TaskRunning); other.Spec != drivertest.Spec("a") {
			t.Errorf("another replica reads %+v", other.Spec)
		}
		if err := d.Stop(t.Context(), id); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	t.Run("ecs-service", func(t *testing.T) {
		d := openService(t, serviceOptions(client, &memory{}))
		for _, step := range []struct {
			do   func() error
			want int32
		}{
			{func() error { _, err := d.Start(t.Context(), drivertest.Spec("a")); return err }, 1},
			{func() error { return d.Stop(t.Context(), testService+"/1") }, 0},
		} {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			services, err := client.describeServices(t.Context(), testCluster, []string{testService})
			if err != nil || services[testService].DesiredCount != step.want {
				t.Errorf("desired are %d, %v, want %d", services[testService].DesiredCount, err, step.want)
			}
		}
	})
}

// motoTransport puts right what moto says of tasks: the sizes of their containers
// are texts in ECS, numbers in moto.
type motoTransport struct{}

var containerSize = regexp.MustCompile(`"(cpu|memory)": (\d+)`)

// RoundTrip implements [http.RoundTripper].
func (motoTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil || !strings.Contains(r.Header.Get("X-Amz-Target"), "Task") || strings.Contains(r.Header.Get("X-Amz-Target"), "Definition") {
		return resp, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	body = containerSize.ReplaceAll(body, []byte(`"$1": "$2"`))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// moto is a running moto, with the network that it begins with.
type moto struct {
	*mototest.Server
	subnet, group string
}

// prepare makes what the drivers need, and has tasks keep their state: moto's
// move on with each DescribeTasks.
func (m *moto) prepare(t *testing.T, c *ecs.Client) {
	t.Helper()
	ctx := t.Context()
	_, clusterErr := c.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String(testCluster)})
	_, definitionErr := c.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("astro"), NetworkMode: types.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions:    []types.ContainerDefinition{{Name: aws.String("astro"), Image: aws.String("astro"), Memory: aws.Int32(512)}},
	})
	_, serviceErr := c.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String(testCluster), ServiceName: aws.String(testService), TaskDefinition: aws.String("astro"), DesiredCount: aws.Int32(0),
	})
	for _, err := range []error{clusterErr, definitionErr, serviceErr} {
		if err != nil {
			t.Fatal(err)
		}
	}
	transition := `{"model_name": "ecs::task", "transition": {"progression": "manual", "times": 1000000}}`
	if _, err := m.Post(ctx, "/moto-api/state-manager/set-transition", transition); err != nil {
		t.Fatal(err)
	}
	m.subnet = m.first(t, "DescribeSubnets", `subnet-[0-9a-f]+`)
	m.group = m.first(t, "DescribeSecurityGroups", `sg-[0-9a-f]+`)
}

// first returns the first id in the answer of EC2.
func (m *moto) first(t *testing.T, action, pattern string) string {
	t.Helper()
	body, err := m.Post(t.Context(), "/", url.Values{"Action": {action}, "Version": {"2016-11-15"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(pattern).FindString(body)
	if id == "" {
		t.Fatalf("%s = %s", action, body)
	}
	return id
}
