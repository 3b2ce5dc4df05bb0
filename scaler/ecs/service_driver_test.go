package ecs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
	"github.com/webordinary/warmgate/session"
)

func TestServiceContract(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) scaler.Driver {
		f := fakeECS(t, ecstest.Options{
			Plan: func(ecstest.Launch) ecstest.Script {
				return ecstest.Script{Provisioning: 20 * time.Millisecond, Pulling: 20 * time.Millisecond, StopDelay: 20 * time.Millisecond}
			},
		})
		f.AddService(ecstest.Service{Name: testService})
		d, err := NewServiceDriver(serviceOptions(networked(t, f), &memory{}))
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

// TestServiceScaleIn: ECS chooses the victim, and the choice is always the one
// that is not needed, whatever it prefers.
func TestServiceScaleIn(t *testing.T) {
	for _, oldest := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := fakeECS(t, ecstest.Options{})
			f.AddService(ecstest.Service{Name: testService, Victim: func(arns []string) int {
				if oldest {
					return 0
				}
				return len(arns) - 1
			}})
			d := openService(t, serviceOptions(direct(f), &memory{}))
			ids := map[string]string{}
			for _, token := range []string{"a", "b", "c"} {
				ids[token] = start(t, d, token)
			}
			addr := map[string]string{}
			for token, id := range ids {
				addr[token] = await(t, d, id, scaler.TaskRunning).Target.Addr
			}
			if got := len(f.Protected()); got != 3 {
				t.Errorf("%d tasks are protected, want all 3", got)
			}
			if err := d.Stop(t.Context(), ids["b"]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			for _, token := range []string{"a", "c"} {
				if got := await(t, d, ids[token], scaler.TaskRunning); got.Target.Addr != addr[token] {
					t.Errorf("%s has moved from %s to %s", token, addr[token], got.Target.Addr)
				}
			}
			if f.Desired(testService) != 2 || len(f.Running()) != 2 {
				t.Errorf("desired are %d, %d run, want 2", f.Desired(testService), len(f.Running()))
			}
		})
	}
}

// TestServiceProtectsFirst: a task does not run, for the scaler, before its
// protection is confirmed; and it is renewed.
func TestServiceProtectsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		f.AddService(ecstest.Service{Name: testService})
		d := openService(t, serviceOptions(direct(f), &memory{}))
		f.Throttle("UpdateTaskProtection", -1)
		id := start(t, d, "a")
		time.Sleep(time.Minute)
		if got := await(t, d, id, scaler.TaskPending); got.State != scaler.TaskPending || len(f.Running()) != 1 {
			t.Errorf("without protection it is %s; %d tasks run", got.State, len(f.Running()))
		}
		f.Throttle("UpdateTaskProtection", 0)
		time.Sleep(longestPause)
		await(t, d, id, scaler.TaskRunning)
		before := f.Count("UpdateTaskProtection")
		for range 8 * 60 {
			time.Sleep(time.Minute)
			if len(f.Protected()) != 1 {
				t.Fatal("the protection has run out")
			}
		}
		if n := f.Count("UpdateTaskProtection") - before; n < 30 || n > 33 {
			t.Errorf("8 h take %d calls of UpdateTaskProtection, want one each 15 min", n)
		}
	})
}

// TestServiceReplicas: what two replicas do at once adds up, and both see it.
func TestServiceReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{Plan: func(ecstest.Launch) ecstest.Script { return ecstest.Script{Provisioning: 5 * time.Second} }})
		f.AddService(ecstest.Service{Name: testService, StartDelay: time.Second})
		records := &memory{}
		drivers := []*ServiceDriver{
			openService(t, serviceOptions(direct(f), records)), openService(t, serviceOptions(direct(f), records)),
		}
		var mu sync.Mutex
		ids := map[string]map[string]bool{}
		var starts sync.WaitGroup
		for _, d := range drivers {
			for _, token := range []string{"a", "b", "c"} {
				starts.Go(func() {
					id, err := d.Start(t.Context(), drivertest.Spec(token))
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					if ids[token] == nil {
						ids[token] = map[string]bool{}
					}
					ids[token][id] = true
				})
			}
		}
		starts.Wait()
		addresses := map[string]bool{}
		for token, of := range ids {
			if len(of) != 1 {
				t.Errorf("token %s gave the tasks %v", token, of)
			}
			for id := range of {
				one, other := await(t, drivers[0], id, scaler.TaskRunning), await(t, drivers[1], id, scaler.TaskRunning)
				if one.Target.Addr != other.Target.Addr {
					t.Errorf("%s is at %s and at %s", id, one.Target.Addr, other.Target.Addr)
				}
				addresses[one.Target.Addr] = true
			}
		}
		if len(addresses) != 3 || f.Desired(testService) != 3 {
			t.Errorf("3 slots have the addresses %v; desired are %d", addresses, f.Desired(testService))
		}
	})
}

// TestServiceDesiredIsOurs: a desired count that somebody else has set is put
// right.
func TestServiceDesiredIsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		f.AddService(ecstest.Service{Name: testService})
		c := direct(f)
		d := openService(t, serviceOptions(c, &memory{}))
		await(t, d, start(t, d, "a"), scaler.TaskRunning)
		for _, n := range []int{0, 3} {
			if err := c.setDesired(t.Context(), testCluster, testService, n); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * calmPace)
			if got := f.Desired(testService); got != 1 {
				t.Errorf("after somebody has set %d it is %d, want 1", n, got)
			}
		}
		if len(f.Running()) != 1 {
			t.Errorf("%d tasks run", len(f.Running()))
		}
	})
}

// TestServiceFindsTasks: the tasks that a service has at first stay until the
// scaler has them stopped.
func TestServiceFindsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		f.AddService(ecstest.Service{Name: testService, Desired: 2})
		time.Sleep(time.Second)
		d := openService(t, serviceOptions(direct(f), &memory{}))
		tasks, err := d.Tasks(t.Context())
		if err != nil || len(tasks) != 2 {
			t.Fatalf("Tasks has %v, %v, want the two", tasks, err)
		}
		time.Sleep(time.Minute)
		if f.Desired(testService) != 2 {
			t.Errorf("desired are %d, want 2 still", f.Desired(testService))
		}
		for _, task := range tasks {
			if task.Spec.Key != "edit" {
				t.Errorf("its key is %q", task.Spec.Key)
			}
			if err := d.Stop(t.Context(), task.ID); err != nil {
				t.Error(err)
			}
		}
		if f.Desired(testService) != 0 || len(f.Running()) != 0 {
			t.Errorf("desired are %d, %d run, want none", f.Desired(testService), len(f.Running()))
		}
	})
}

// TestServiceTaskDies: ECS replaces a task that has died; who asks for another
// gets that one.
func TestServiceTaskDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		f.AddService(ecstest.Service{Name: testService})
		d := openService(t, serviceOptions(direct(f), &memory{}))
		id := start(t, d, "a")
		await(t, d, id, scaler.TaskRunning)
		f.Crash(f.Running()[0], 137)
		if got := await(t, d, id, scaler.TaskGone).Cause; !strings.Contains(got, "exit code 137") {
			t.Errorf("Cause = %q", got)
		}
		if err := d.Stop(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		next := start(t, d, "b")
		await(t, d, next, scaler.TaskRunning)
		time.Sleep(time.Minute)
		if f.Desired(testService) != 1 || len(f.Running()) != 1 || f.Count("UpdateService") != 2 {
			t.Errorf("desired are %d, %d run, after %d calls of UpdateService", f.Desired(testService), len(f.Running()), f.Count("UpdateService"))
		}
		made := slices.DeleteFunc(f.Calls(), func(c ecstest.Call) bool {
			return c.Operation != "UpdateService" || !strings.Contains(string(c.Input), `:0`)
		})
		if len(made) != 0 {
			t.Errorf("the desired count was 0 in between: %s", made[0].Input)
		}
	})
}

// TestServiceCannotPlace: why no task starts is to be seen.
func TestServiceCannotPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{Plan: func(ecstest.Launch) ecstest.Script {
			return ecstest.Script{Refusal: "Capacity is unavailable at this time"}
		}})
		f.AddService(ecstest.Service{Name: testService})
		d := openService(t, serviceOptions(direct(f), &memory{}))
		start(t, d, "a")
		time.Sleep(5 * time.Second)
		tasks, err := d.Tasks(t.Context())
		if err != nil || len(tasks) != 1 {
			t.Fatalf("Tasks = %v, %v", tasks, err)
		}
		if log := tasks[0].Log(); len(log) == 0 || !strings.Contains(log[len(log)-1], "was unable to place a task") {
			t.Errorf("Log = %q, want what the service says", log)
		}
	})
}

func TestServiceMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		d := openService(t, serviceOptions(direct(f), &memory{}))
		_, err := d.Start(t.Context(), drivertest.Spec("a"))
		if !errors.Is(err, session.ErrStartFailed) || !strings.Contains(err.Error(), "Service not found") {
			t.Errorf("Start = %v, want session.ErrStartFailed", err)
		}
		if tasks, err := d.Tasks(t.Context()); err != nil || len(tasks) != 0 {
			t.Errorf("it left %v, %v", tasks, err)
		}
	})
}

// TestServiceOfEachClient: a template leads each key to a service of its own.
func TestServiceOfEachClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		f.AddService(ecstest.Service{Name: "edit-client"})
		o := serviceOptions(direct(f), &memory{})
		o.Key, o.Service = "{client}", "edit-{client}"
		d := openService(t, o)
		id := start(t, d, "a")
		await(t, d, id, scaler.TaskRunning)
		if err := d.Stop(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if _, err := d.Tasks(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := len(f.Calls())
		time.Sleep(time.Hour)
		if n := len(f.Calls()) - before; n != 0 || f.Desired("edit-client") != 0 {
			t.Errorf("a service that nobody uses takes %d calls an hour; desired are %d", n, f.Desired("edit-client"))
		}
	})
}

// TestServicePolicies: whose desired count a scaling policy sets is observed.
func TestServicePolicies(t *testing.T) {
	for name, c := range map[string]struct {
		policy   ecstest.Policy
		takeOver bool
		want     int
	}{
		"live":       {ecstest.Policy{Name: "cpu"}, false, 0},
		"suspended":  {ecstest.Policy{Name: "cpu", Suspended: true}, false, 1},
		"taken over": {ecstest.Policy{Name: "cpu"}, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fakeECS(t, ecstest.Options{})
				f.AddService(ecstest.Service{Name: testService})
				f.AddPolicy(testService, c.policy)
				client := direct(f)
				o := serviceOptions(client, &memory{})
				o.TakeOver = c.takeOver
				d := openService(t, o)
				id := start(t, d, "a")
				time.Sleep(time.Minute)
				if got := f.Desired(testService); got != c.want {
					t.Errorf("desired are %d, want %d", got, c.want)
				}
				if c.want == 1 {
					return
				}
				// The policy's own scale-out serves the session.
				if err := client.setDesired(t.Context(), testCluster, testService, 1); err != nil {
					t.Fatal(err)
				}
				await(t, d, id, scaler.TaskRunning)
				if err := d.Stop(t.Context(), id); err != nil || f.Desired(testService) != 1 || len(f.Protected()) != 0 {
					t.Errorf("Stop = %v; desired are %d, %d protected", err, f.Desired(testService), len(f.Protected()))
				}
			})
		})
	}
}

// TestServicePoliciesAreLookedForFirst: the desired count of a service that is
// met with its first start is not set before its policies are known; ECS being
// out of reach then is waited for.
func TestServicePoliciesAreLookedForFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		f.AddService(ecstest.Service{Name: "edit-client"})
		f.AddPolicy("edit-client", ecstest.Policy{Name: "cpu"})
		o := serviceOptions(direct(f), &memory{})
		o.Key, o.Service = "{client}", "edit-{client}"
		d := openService(t, o)
		f.Throttle("DescribeScalingPolicies", -1)
		if _, err := d.Start(t.Context(), drivertest.Spec("a")); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("Start = %v while the policies cannot be looked for, want session.ErrUnavailable", err)
		}
		f.Throttle("DescribeScalingPolicies", 0)
		start(t, d, "a")
		time.Sleep(time.Minute)
		if n := f.Count("UpdateService"); n != 0 || f.Desired("edit-client") != 0 {
			t.Errorf("%d calls of UpdateService; desired are %d, want none", n, f.Desired("edit-client"))
		}
	})
}

// TestServiceOfAClientStopsSlowly: a stop is confirmed when the task has ended,
// also if its service counts no task any more long before.
func TestServiceOfAClientStopsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{Plan: func(ecstest.Launch) ecstest.Script { return ecstest.Script{StopDelay: 30 * time.Second} }})
		f.AddService(ecstest.Service{Name: "edit-client"})
		o := serviceOptions(direct(f), &memory{})
		o.Key, o.Service = "{client}", "edit-{client}"
		d := openService(t, o)
		id := start(t, d, "a")
		await(t, d, id, scaler.TaskRunning)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		if err := d.Stop(ctx, id); err != nil {
			t.Errorf("Stop = %v", err)
		}
	})
}
