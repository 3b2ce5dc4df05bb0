package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/cloudwatch/cloudwatchtest"
	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// fargate is a fake ECS on a listener, whose containers tell the session that
// they were started for.
func fargate(t *testing.T) (*ecstest.Fake, string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	const port = 4321
	f := ecstest.New(ecstest.Options{
		Cluster: "edit-cluster",
		Run: ecstest.Serve(port, func(c ecstest.Container) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, "site of %s%s", c.Env["SESSION"], c.Service)
			})
		}),
	})
	t.Cleanup(f.Close)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server.URL
}

// TestServeTasks: a session's first request starts its task on ECS, at once.
func TestServeTasks(t *testing.T) {
	f, url := fargate(t)
	s := start(t, fmt.Sprintf("pools: { edit: { key: '{session}', driver: ecs-task, ecs: { region: us-west-2, endpoint: %q, cluster: edit-cluster, "+
		"task_definition: astro, subnets: [subnet-1], container: astro, env: { SESSION: '{session}' } } } }\n", url)+
		"sessions: { idle_timeout: 1s, presence_limit: 2s, touch_interval: 500ms }\ncold: { wakes_per_address: { per_minute: 6000, burst: 100 } }\n")
	defer s.end()
	const sessions = 5
	var delays []time.Duration
	for i := range sessions {
		id := fmt.Sprintf("s%d", i)
		if _, err := s.cli("session", "activate", "--client", "acme", "--id", id); err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, s.public+"/session/"+id+"/"); status != 200 || body != "site of "+id {
			t.Fatalf("%s = %d %q, want its own site", id, status, body)
		}
	}
	eventually(t, "all sessions sleep and no task runs", func() bool { return len(f.Running()) == 0 })
	for i := range sessions {
		id := fmt.Sprintf("s%d", i)
		asked := time.Now()
		if status, body := get(t, s.public+"/session/"+id+"/"); status != 200 || body != "site of "+id {
			t.Fatalf("%s = %d %q after its sleep, want its own site", id, status, body)
		}
		calls := slices.DeleteFunc(f.Calls(), func(c ecstest.Call) bool { return c.Operation != "RunTask" || c.At.Before(asked) })
		if len(calls) != 1 {
			t.Fatalf("waking %s took %d calls of RunTask", id, len(calls))
		}
		delays = append(delays, calls[0].At.Sub(asked))
	}
	slices.Sort(delays)
	t.Logf("first byte to RunTask on the wire: %v", delays)
}

// TestServeService: many requests at once raise the desired count once.
func TestServeService(t *testing.T) {
	f, url := fargate(t)
	f.AddService(ecstest.Service{Name: "edit-service"})
	s := start(t, fmt.Sprintf("pools: { edit: { key: edit, driver: ecs-service, ecs: { region: us-west-2, endpoint: %q, cluster: edit-cluster, "+
		"service: edit-service } } }\n", url))
	defer s.end()
	for _, id := range []string{"one", "two"} {
		if _, err := s.cli("session", "activate", "--client", "acme", "--id", id); err != nil {
			t.Fatal(err)
		}
	}
	var requests sync.WaitGroup
	for i := range 20 {
		requests.Go(func() {
			id := []string{"one", "two"}[i%2]
			req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.public+"/session/"+id+"/", nil)
			if err != nil {
				t.Error(err)
				return
			}
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			res, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("%s = %d", id, res.StatusCode)
			}
		})
	}
	requests.Wait()
	if f.Desired("edit-service") != 1 || f.Count("UpdateService") != 1 || len(f.Protected()) != 1 {
		t.Errorf("desired are %d after %d calls of UpdateService, %d tasks are protected; want 1 each",
			f.Desired("edit-service"), f.Count("UpdateService"), len(f.Protected()))
	}
	if out, err := s.cli("session", "status", "one", "--json"); err != nil || !strings.Contains(out, "active") {
		t.Errorf("status = %v, %q", err, out)
	}
}

// TestCPUOfServices: a pool reads the CPU utilisation of the service that has the
// group's tasks.
func TestCPUOfServices(t *testing.T) {
	_, url := fargate(t)
	f := &cloudwatchtest.Fake{}
	metrics := httptest.NewServer(f)
	defer metrics.Close()
	for service, percent := range map[string]float64{"edit-acme": 55, "edit-bolt": 12} {
		f.Add(cloudwatchtest.Datum{
			Namespace: "AWS/ECS", Name: "CPUUtilization", At: time.Now(), Values: []float64{percent}, Counts: []float64{1},
			Dimensions: map[string]string{"ClusterName": "edit-cluster", "ServiceName": service},
		})
	}
	c, err := load(t, fmt.Sprintf("pools: { edit: { key: '{client}', driver: ecs-service, cpu_above: 40, "+
		"ecs: { region: us-west-2, endpoint: %q, cluster: edit-cluster, service: 'edit-{client}' } } }\n", url)+
		fmt.Sprintf("cloudwatch: { endpoint: %q }\n", metrics.URL), nil)
	if err != nil {
		t.Fatal(err)
	}
	pools, err := c.scalerPools(newOutside(), storetest.NewMemory(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[session.ClientID]float64{"acme": 55, "bolt": 12, "cobalt": 0} {
		got, ok, err := pools[0].CPU(t.Context(), scaler.TaskSpec{Pool: "edit", Key: string(client), ClientID: client})
		if got != want || ok != (want > 0) || err != nil {
			t.Errorf("CPU of %s = %v, %v, %v; want %v", client, got, ok, err, want)
		}
	}
	if pools[0].CPUAbove != 40 {
		t.Errorf("CPUAbove = %v, want 40", pools[0].CPUAbove)
	}
}
