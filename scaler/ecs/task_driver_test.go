package ecs

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/scaler/ecs/ecstest"
	"github.com/webordinary/warmgate/session"
)

func TestTaskContract(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) scaler.Driver {
		f := fakeECS(t, ecstest.Options{
			Plan: func(ecstest.Launch) ecstest.Script {
				return ecstest.Script{Provisioning: 20 * time.Millisecond, Pulling: 20 * time.Millisecond, StopDelay: 20 * time.Millisecond}
			},
		})
		d, err := NewTaskDriver(taskOptions(networked(t, f)))
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

// TestTaskServes starts a task whose container is a real listener.
func TestTaskServes(t *testing.T) {
	f := fakeECS(t, ecstest.Options{Run: ecstest.Serve(testPort, func(c ecstest.Container) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(c.Env["SESSION"]))
		})
	})})
	o := taskOptions(networked(t, f))
	o.Container, o.Env = "astro", map[string]string{"SESSION": "{session}"}
	d := openTasks(t, o)
	task := await(t, d, start(t, d, "a"), scaler.TaskRunning)
	if host, port, _ := strings.Cut(task.Target.Addr, ":"); !strings.HasPrefix(host, "127.") || port != "4321" {
		t.Errorf("Target.Addr = %q, want the task's own loopback address and the port", task.Target.Addr)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	body := ""
	for end := time.Now().Add(10 * time.Second); body == "" && time.Now().Before(end); {
		if resp, err := client.Get("http://" + task.Target.Addr); err == nil {
			b := make([]byte, 100)
			n, _ := resp.Body.Read(b)
			resp.Body.Close()
			body = string(b[:n])
		}
	}
	if body != "session-a" {
		t.Errorf("the container answers %q, want the session's id", body)
	}
}

// TestTaskPhases follows a slow start, with the times that ECS tells.
func TestTaskPhases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{Plan: func(ecstest.Launch) ecstest.Script {
			return ecstest.Script{Provisioning: 10 * time.Second, Pulling: 20 * time.Second, Activating: 5 * time.Second}
		}})
		d := openTasks(t, taskOptions(direct(f)))
		began := time.Now()
		got := await(t, d, start(t, d, "a"), scaler.TaskRunning)
		if took := time.Since(began); took < 30*time.Second || took > 32*time.Second {
			t.Errorf("it runs after %s, want a second after the image is there (30 s), before ECS says RUNNING (35 s)", took)
		}
		want := []session.Step{
			{Phase: session.PhaseProvisioning, At: began.UTC()},
			{Phase: session.PhasePulling, At: began.Add(10 * time.Second).UTC()},
			{Phase: session.PhaseStarting, At: began.Add(30 * time.Second).UTC()},
		}
		if diff := cmp.Diff(want, got.Steps); diff != "" {
			t.Errorf("Steps (-want +got):\n%s", diff)
		}
	})
}

// TestTaskPace counts the calls: 1 s while a task starts, 10 s afterwards, none
// without tasks.
func TestTaskPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{Plan: func(ecstest.Launch) ecstest.Script {
			return ecstest.Script{Provisioning: 30 * time.Second}
		}})
		o := taskOptions(direct(f))
		o.Capacity = OnDemand
		d := openTasks(t, o)
		calls := func(during time.Duration) map[string]int {
			before := f.Counts()
			time.Sleep(during)
			counts := f.Counts()
			for name, n := range before {
				if counts[name] -= n; counts[name] == 0 {
					delete(counts, name)
				}
			}
			return counts
		}
		if got := calls(time.Hour); len(got) != 0 {
			t.Errorf("an hour without tasks takes %v, want no calls", got)
		}
		for _, token := range []string{"a", "b", "c"} {
			start(t, d, token)
		}
		synctest.Wait()
		if got := calls(20 * time.Second); got["DescribeTasks"] < 19 || got["DescribeTasks"] > 21 || got["ListTasks"] > 3 {
			t.Errorf("20 s of starting take %v, want DescribeTasks each second, ListTasks each 10 s", got)
		}
		time.Sleep(30 * time.Second)
		if got := calls(time.Hour); got["DescribeTasks"] < 350 || got["DescribeTasks"] > 361 || got["ListTasks"] > 361 || len(got) != 2 {
			t.Errorf("an hour of running takes %v, want both each 10 s", got)
		}
	})
}

// TestTaskIsMissingAtFirst: ECS knows a task only after a moment.
func TestTaskIsMissingAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{Plan: func(ecstest.Launch) ecstest.Script {
			return ecstest.Script{MissingFor: 8 * time.Second}
		}})
		d := openTasks(t, taskOptions(direct(f)))
		await(t, d, start(t, d, "a"), scaler.TaskRunning)
	})
}

func TestTaskVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		d := openTasks(t, taskOptions(direct(f)))
		id := start(t, d, "a")
		await(t, d, id, scaler.TaskRunning)
		f.Forget(id)
		began := time.Now()
		got := await(t, d, id, scaler.TaskGone)
		if took := time.Since(began); took < missingFor {
			t.Errorf("it counts as gone after %s, want patience of %s", took, missingFor)
		}
		if got.Cause != "ECS does not know the task any more" {
			t.Errorf("Cause = %q", got.Cause)
		}
		if err := d.Stop(t.Context(), id); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
}

func TestTaskCauses(t *testing.T) {
	code := 137
	for name, c := range map[string]struct {
		ending ecstest.Ending
		want   string
	}{
		"image": {
			ecstest.Ending{Code: "TaskFailedToStart", Reason: "CannotPullContainerError: pull image manifest has been retried 5 time(s)"},
			"the container image cannot be fetched: CannotPullContainerError: pull image manifest has been retried 5 time(s)",
		},
		"set-up": {
			ecstest.Ending{Code: "TaskFailedToStart", Reason: "ResourceInitializationError: unable to pull secrets"},
			"the task cannot be set up (its network, secrets or log group): ResourceInitializationError: unable to pull secrets",
		},
		"exit code": {
			ecstest.Ending{Code: "EssentialContainerExited", Reason: "Essential container in task exited", ExitCode: &code},
			`its container "astro" has ended with exit code 137 (killed, perhaps for want of memory)`,
		},
		"out of memory": {
			ecstest.Ending{Code: "EssentialContainerExited", Reason: "x", ExitCode: &code, ContainerReason: "OutOfMemoryError: Container killed due to memory usage"},
			`its container "astro" has ended with exit code 137 (killed, perhaps for want of memory): OutOfMemoryError: Container killed due to memory usage`,
		},
		"Spot": {
			ecstest.Ending{Code: "SpotInterruption", Reason: "Your Spot Task was interrupted."},
			"AWS has taken the Spot capacity of the task back: Your Spot Task was interrupted.",
		},
		"a person":       {ecstest.Ending{Code: "UserInitiated", Reason: "Task stopped by user"}, "somebody has stopped the task: Task stopped by user"},
		"infrastructure": {ecstest.Ending{Code: "InfrastructureHealth"}, "the machine below the task has failed: no reason is given"},
		"unknown":        {ecstest.Ending{}, "the task has stopped: no reason is given"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.ending.After = 3 * time.Second
				f := fakeECS(t, ecstest.Options{Plan: func(ecstest.Launch) ecstest.Script { return ecstest.Script{Ending: &c.ending} }})
				d := openTasks(t, taskOptions(direct(f)))
				if got := await(t, d, start(t, d, "a"), scaler.TaskGone).Cause; got != c.want {
					t.Errorf("Cause = %q, want %q", got, c.want)
				}
			})
		})
	}
}

// TestTaskRefusals: RunTask may fail with 200, too.
func TestTaskRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		script ecstest.Script
		err    ecstest.Error
		want   error
		words  string
	}{
		"failures":          {script: ecstest.Script{Refusal: "AGENT"}, want: session.ErrStartFailed, words: "ECS has started no task: AGENT"},
		"no capacity":       {script: ecstest.Script{Refusal: "Capacity is unavailable at this time. Please try again later"}, want: session.ErrCapacity, words: "no room"},
		"vCPU limit":        {err: ecstest.Error{Status: 400, Code: "ClientException", Message: "You've reached the limit on the number of vCPUs you can run concurrently"}, want: session.ErrCapacity, words: "reached the limit"},
		"access":            {err: ecstest.Error{Status: 400, Code: "AccessDeniedException", Message: "User is not authorized to perform: ecs:RunTask"}, want: session.ErrStartFailed, words: "role does not allow it"},
		"wrong cluster":     {err: ecstest.Error{Status: 400, Code: "ClusterNotFoundException", Message: "Cluster not found."}, want: session.ErrStartFailed, words: "Cluster not found"},
		"server":            {err: ecstest.Error{Status: 500, Code: "ServerException", Message: "oops"}, want: session.ErrUnavailable, words: "ECS has a problem"},
		"throttled":         {err: ecstest.Error{Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"}, want: session.ErrUnavailable, words: "patience"},
		"expired":           {err: ecstest.Error{Status: 400, Code: "ExpiredTokenException", Message: "expired"}, want: session.ErrUnavailable, words: "ECS has a problem"},
		"unknown operation": {err: ecstest.Error{Status: 400, Code: "InvalidParameterException", Message: "no subnet"}, want: session.ErrStartFailed, words: "no subnet"},
	} {
		for _, newErrors := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := fakeECS(t, ecstest.Options{
						NewErrors: newErrors, Plan: func(ecstest.Launch) ecstest.Script { return c.script },
					})
					o := taskOptions(direct(f))
					o.Capacity = SpotOnly
					d := openTasks(t, o)
					if c.err.Code != "" {
						f.Fail("RunTask", -1, c.err)
					}
					_, err := d.Start(t.Context(), drivertest.Spec("a"))
					if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
						t.Errorf("Start = %v, want %v with %q", err, c.want, c.words)
					}
				})
			})
		}
	}
}

// TestTaskToken: what two replicas ask for at once is one task, with the same
// settings or not, and each finds the other's.
func TestTaskToken(t *testing.T) {
	for _, differ := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := fakeECS(t, ecstest.Options{})
			o := taskOptions(direct(f))
			a := openTasks(t, o)
			if differ {
				o.SecurityGroups = []string{"sg-2"}
			}
			b := openTasks(t, o)
			first, second := start(t, a, "a"), start(t, b, "a")
			if first != second || len(f.Running()) != 1 {
				t.Errorf("two replicas started %q and %q, %d tasks run", first, second, len(f.Running()))
			}
			other := start(t, a, "b")
			if got := await(t, b, other, scaler.TaskRunning); got.Spec != drivertest.Spec("b") {
				t.Errorf("the other replica sees %+v, want %+v", got.Spec, drivertest.Spec("b"))
			}
			for _, c := range f.Calls() {
				if c.Operation == "RunTask" && strings.Count(string(c.Input), `"clientToken"`) != 1 {
					t.Errorf("RunTask was called without a token: %s", c.Input)
				}
			}
		})
	}
}

// TestTaskTokenOfTheDead: ECS gives an ended task back for a day.
func TestTaskTokenOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		d := openTasks(t, taskOptions(direct(f)))
		id := start(t, d, "a")
		if err := d.Stop(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		next := start(t, d, "a")
		if next == id {
			t.Fatal("it started the task again that has ended")
		}
		await(t, d, next, scaler.TaskRunning)
	})
}

func TestTaskSpecInTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		o := taskOptions(direct(f))
		o.Tags = map[string]string{"team": "web"}
		a := openTasks(t, o)
		long := strings.Repeat("x", session.MaxIDLength-8)
		spec := scaler.TaskSpec{
			Pool: "edit", Key: "client#u~ser/" + long, SessionID: session.ID("c#u#=41" + long), ClientID: session.ClientID("c@" + long),
			Base: "/session/c#u#" + long + "/", Token: "edit/" + long + "/" + long + "/c#u/12/0",
		}
		id, err := a.Start(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if f.Tags(id)["team"] != "web" {
			t.Errorf("tags = %v, want the configured one, too", f.Tags(id))
		}
		b := openTasks(t, o)
		if got := await(t, b, id, scaler.TaskRunning).Spec; got != spec {
			t.Errorf("another replica reads %+v, want %+v", got, spec)
		}
	})
}

// TestTaskSpotTimeout: a Spot task without a place is replaced, under its
// identity, on every replica.
func TestTaskSpotTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{Plan: func(l ecstest.Launch) ecstest.Script {
			return ecstest.Script{Unplaced: l.CapacityProvider == providerSpot}
		}})
		a := openTasks(t, taskOptions(direct(f)))
		b := openTasks(t, taskOptions(direct(f)))
		began := time.Now()
		id := start(t, a, "a")
		for _, d := range []*TaskDriver{a, b} {
			got := await(t, d, id, scaler.TaskRunning)
			if got.Target.TaskID != id || got.Target.Addr == "" || got.Spec != drivertest.Spec("a") {
				t.Errorf("it is %+v, want the identity of the first task and the address of the second", got)
			}
		}
		if took := time.Since(began); took < 30*time.Second || took > 35*time.Second {
			t.Errorf("it runs after %s, want soon after 30 s", took)
		}
		time.Sleep(30 * time.Second)
		if got := f.Running(); len(got) != 1 || got[0] == id {
			t.Errorf("%v run, want the on-demand task alone", got)
		}
		if err := b.Stop(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if got := f.Running(); len(got) != 0 {
			t.Errorf("after the stop %v run", got)
		}
		time.Sleep(time.Minute)
		for _, d := range []*TaskDriver{a, b} {
			if tasks, _ := d.Tasks(t.Context()); slices.ContainsFunc(tasks, func(v scaler.Task) bool { return v.State != scaler.TaskGone }) {
				t.Errorf("there are still %+v", tasks)
			}
		}
	})
}

func TestTaskSpotWithoutCapacity(t *testing.T) {
	for name, script := range map[string]ecstest.Script{
		"refused":     {Refusal: "Capacity is unavailable at this time."},
		"stopped":     {Unplaced: true, Ending: &ecstest.Ending{After: 2 * time.Second, Code: "TaskFailedToStart", Reason: "Capacity is unavailable at this time."}},
		"interrupted": {Unplaced: true, StopDelay: 5 * time.Second, Ending: &ecstest.Ending{After: 2 * time.Second, Code: "SpotInterruption"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fakeECS(t, ecstest.Options{Plan: func(l ecstest.Launch) ecstest.Script {
					if l.CapacityProvider == providerSpot {
						return script
					}
					return ecstest.Script{}
				}})
				d := openTasks(t, taskOptions(direct(f)))
				began := time.Now()
				await(t, d, start(t, d, "a"), scaler.TaskRunning)
				if took := time.Since(began); took > 6*time.Second {
					t.Errorf("it runs after %s, want at once after the refusal", took)
				}
				if running := f.Running(); len(running) != 1 || f.Provider(running[0]) != providerOnDemand {
					t.Errorf("%v run, want one on-demand task", running)
				}
			})
		})
	}
}

// TestTaskStopsWhileFallingBack: the on-demand task that comes too late is
// stopped with the one that it was to replace.
func TestTaskStopsWhileFallingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{
			Plan: func(l ecstest.Launch) ecstest.Script {
				return ecstest.Script{Unplaced: l.CapacityProvider == providerSpot}
			},
			OnCall: func(operation string, input []byte) {
				if operation == "RunTask" && strings.Contains(string(input), tagReplaces) {
					time.Sleep(3 * time.Second)
				}
			},
		})
		d := openTasks(t, taskOptions(direct(f)))
		id := start(t, d, "a")
		time.Sleep(32 * time.Second) // in the middle of the second RunTask
		if err := d.Stop(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if got := f.Running(); len(got) != 0 {
			t.Errorf("%v run", got)
		}
		if got := f.Count("RunTask"); got != 2 {
			t.Errorf("RunTask was called %d times; the test wants 2", got)
		}
	})
}

func TestTaskSpotLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{Plan: func(ecstest.Launch) ecstest.Script { return ecstest.Script{StopDelay: 2 * time.Minute} }})
		d := openTasks(t, taskOptions(direct(f)))
		id := start(t, d, "a")
		await(t, d, id, scaler.TaskRunning)
		time.Sleep(time.Minute)
		f.Interrupt(id)
		began := time.Now()
		for range d.Changed() {
			if tasks, err := d.Tasks(t.Context()); err != nil || tasks[0].State == scaler.TaskStopping {
				break
			}
		}
		if took := time.Since(began); took > calmPace+time.Second {
			t.Errorf("it was noticed after %s, want within 10 s of the two minutes", took)
		}
	})
}

// TestTaskThrottling: errors of ECS stop nothing, are not hammered at, and end.
func TestTaskThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		d := openTasks(t, taskOptions(direct(f)))
		id := start(t, d, "a")
		await(t, d, id, scaler.TaskRunning)
		f.Throttle("DescribeTasks", -1)
		f.Throttle("ListTasks", -1)
		before := len(f.Calls())
		time.Sleep(10 * time.Minute)
		if calls := len(f.Calls()) - before; calls > 90 {
			t.Errorf("10 min of throttling get %d calls, want at most 3 each 30 s", calls)
		}
		if _, err := d.Tasks(t.Context()); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("Tasks = %v, want session.ErrUnavailable", err)
		}
		if n := f.Count("StopTask"); n != 0 || len(f.Running()) != 1 {
			t.Errorf("%d stops were asked for, %d tasks run", n, len(f.Running()))
		}
		f.Throttle("DescribeTasks", 0)
		f.Throttle("ListTasks", 0)
		time.Sleep(longestPause)
		await(t, d, id, scaler.TaskRunning)
	})
}

// TestTaskStartThrottled: the SDK tries again by itself, with the same token.
func TestTaskStartThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{})
		d := openTasks(t, taskOptions(direct(f)))
		f.Throttle("RunTask", 2)
		start(t, d, "a")
		if n := len(f.Running()); n != 1 {
			t.Errorf("%d tasks run", n)
		}
	})
}

// TestTaskManyStarts: 200 at once stay below AWS's rate, and are few calls.
func TestTaskManyStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{LaunchRate: 20, LaunchBurst: 20})
		d := openTasks(t, taskOptions(direct(f)))
		began := time.Now()
		results := make(chan error)
		for i := range 200 {
			go func() {
				_, err := d.Start(t.Context(), drivertest.Spec(strings.Repeat("x", i+1)))
				results <- err
			}()
		}
		for range 200 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("200 starts take %s, want 20 s", took)
		}
		if got := f.Count("RunTask"); got != 200 {
			t.Errorf("RunTask was called %d times, want 200: none throttled", got)
		}
		before := f.Count("DescribeTasks")
		time.Sleep(calmPace)
		if calls := f.Count("DescribeTasks") - before; calls > 6 {
			t.Errorf("200 tasks take %d calls of DescribeTasks in 10 s, want 2 at a time", calls)
		}
		tasks, err := d.Tasks(t.Context())
		if err != nil || len(tasks) != 200 {
			t.Errorf("Tasks has %d of 200, %v", len(tasks), err)
		}
		another := openTasks(t, taskOptions(direct(f))) // two pages
		if tasks, err := another.Tasks(t.Context()); err != nil || len(tasks) != 200 {
			t.Errorf("another replica has %d of 200, %v", len(tasks), err)
		}
	})
}

// TestTaskStopOfAnothers: a replica that was just started, and knows no task,
// stops one.
func TestTaskStopOfAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakeECS(t, ecstest.Options{Plan: func(ecstest.Launch) ecstest.Script { return ecstest.Script{StopDelay: 40 * time.Second} }})
		a := openTasks(t, taskOptions(direct(f)))
		b := openTasks(t, taskOptions(direct(f)))
		id := start(t, a, "a")
		time.Sleep(5 * time.Second)
		began := time.Now()
		if err := b.Stop(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 40*time.Second {
			t.Errorf("the stop is confirmed after %s, before the task has ended", took)
		}
		if got := await(t, a, id, scaler.TaskGone).Cause; !strings.Contains(got, stopReason) {
			t.Errorf("Cause = %q", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Stop(ctx, id); err != nil {
			t.Errorf("the stop of one that has ended: %v", err)
		}
	})
}
