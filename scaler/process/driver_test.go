//go:build unix

package process_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/scaler/drivertest"
	"github.com/webordinary/warmgate/scaler/process"
	"github.com/webordinary/warmgate/session"
)

func TestContract(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) scaler.Driver { return newDriver(t, "serve", nil) })
}

// newDriver returns a driver whose command is the test binary as the program.
func newDriver(t *testing.T, program string, change func(*process.Options)) *process.Driver {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := process.Options{
		Command:  []string{binary},
		Env:      map[string]string{"PROGRAM": program, "PORT": "{port}", "NAME": "{client}/{session}"},
		StateDir: t.TempDir(),
	}
	if change != nil {
		change(&o)
	}
	d, err := process.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// open is newDriver, recovered, and closed after the test.
func open(t *testing.T, program string, change func(*process.Options)) *process.Driver {
	t.Helper()
	d := newDriver(t, program, change)
	if err := d.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return d
}

func start(t *testing.T, d *process.Driver) string {
	t.Helper()
	id, err := d.Start(t.Context(), drivertest.Spec("a"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func task(t *testing.T, d *process.Driver) scaler.Task {
	t.Helper()
	tasks, err := d.Tasks(t.Context())
	if err != nil || len(tasks) != 1 {
		t.Fatalf("Tasks = %v, %v, want one", tasks, err)
	}
	return tasks[0]
}

// until polls, and fails the test after half a minute.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !true(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

func listens(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// get returns the task's answer once it listens.
func get(t *testing.T, d *process.Driver) string {
	t.Helper()
	until(t, "the child listens", func() bool { return listens(task(t, d).Target.Addr) })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+task(t, d).Target.Addr, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestTemplates(t *testing.T) {
	t.Setenv("WARMGATE_SECRET", "token")
	sites := t.TempDir()
	folder := filepath.Join(sites, "client")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	logs := t.TempDir()
	d := open(t, "serve", func(o *process.Options) {
		o.Dir = filepath.Join(sites, "{client}")
		o.LogFile = filepath.Join(logs, "{session}", "out.log")
		o.Command = append(o.Command, "--base", "{base}", "--api={port:8080}", "--hmr={port:hmr}")
	})
	start(t, d)
	if got, want := get(t, d), fmt.Sprintf("client/session-a in %s, secret %q", folder, ""); got != want {
		t.Errorf("answer = %q, want %q", got, want)
	}
	got := task(t, d)
	api, ok := got.Target.Address(8080)
	if !ok || len(got.Target.Ports) != 1 {
		t.Errorf("Ports = %v, want 8080 only: a port with a name is private", got.Target.Ports)
	}
	_, port, _ := strings.Cut(api, ":")
	want := "serving client/session-a with --base / --api=" + port + " --hmr="
	until(t, "the log has the arguments", func() bool { return strings.Contains(strings.Join(got.Log(), "\n"), want) })
	until(t, "the file has them too", func() bool {
		file, err := os.ReadFile(filepath.Join(logs, "session-a", "out.log"))
		return err == nil && strings.Contains(string(file), want)
	})
}

func TestFolderThatIsNotThere(t *testing.T) {
	d := open(t, "serve", func(o *process.Options) { o.Dir = filepath.Join(o.StateDir, "sites", "{client}") })
	_, err := d.Start(t.Context(), drivertest.Spec("a"))
	if !errors.Is(err, session.ErrStartFailed) || !strings.Contains(err.Error(), "sites/client for client client") {
		t.Errorf("Start = %v, want a failed start that names the folder and the client", err)
	}
}

func TestNamesCannotLeaveTheFolder(t *testing.T) {
	d := open(t, "serve", func(o *process.Options) { o.Dir = filepath.Join(o.StateDir, "{client}") })
	for _, client := range []session.ClientID{"..", ".", "", "a/b", "/etc", "../.."} {
		spec := drivertest.Spec("a")
		spec.ClientID = client
		if _, err := d.Start(t.Context(), spec); !errors.Is(err, session.ErrStartFailed) {
			t.Errorf("Start for client %q = %v, want a failed start", client, err)
		}
	}
}

func TestCommandThatIsNotThere(t *testing.T) {
	d := open(t, "serve", func(o *process.Options) { o.Command = []string{"no-such-program"} })
	_, err := d.Start(t.Context(), drivertest.Spec("a"))
	if !errors.Is(err, session.ErrStartFailed) || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("Start = %v, want a failed start that names the program", err)
	}
}

func TestCauseOfAnExit(t *testing.T) {
	d := open(t, "fail", nil)
	id := start(t, d)
	until(t, "it is gone", func() bool { return task(t, d).State == scaler.TaskGone })
	got := task(t, d)
	if want := "ended with exit code 3: cannot find module astro"; !strings.Contains(got.Cause, want) {
		t.Errorf("Cause = %q, want %q in it", got.Cause, want)
	}
	if log := got.Log(); len(log) != 1 || log[0] != "cannot find module astro" {
		t.Errorf("Log = %q", log)
	}
	if err := d.Stop(t.Context(), id); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestPortTakenMeanwhile(t *testing.T) {
	d := open(t, "second", func(o *process.Options) { o.Dir = t.TempDir() })
	id := start(t, d)
	get(t, d)
	if got := task(t, d); got.ID != id || got.Target.TaskID != id {
		t.Errorf("after the second try the task is %q, want %q still", got.ID, id)
	}
}

func TestStopOfWhatDoesNotListen(t *testing.T) {
	for _, program := range []string{"deaf", "fork"} {
		t.Run(program, func(t *testing.T) {
			d := open(t, program, func(o *process.Options) { o.StopTimeout = 50 * time.Millisecond })
			id := start(t, d)
			get(t, d)
			addr := task(t, d).Target.Addr
			if err := d.Stop(t.Context(), id); err != nil {
				t.Fatalf("Stop: %v", err)
			}
			if listens(addr) {
				t.Error("a process of it is still there after the confirmed stop")
			}
		})
	}
}

func TestGrandchildIsNotLeftBehind(t *testing.T) {
	d := open(t, "leave", func(o *process.Options) { o.StopTimeout = 50 * time.Millisecond })
	start(t, d)
	until(t, "it is gone", func() bool { return task(t, d).State == scaler.TaskGone })
	if got := task(t, d); listens(got.Target.Addr) {
		t.Error("the grandchild is still there when the task is gone")
	}
}

func TestStopCanBeCalledAgain(t *testing.T) {
	d := open(t, "deaf", func(o *process.Options) { o.StopTimeout = 200 * time.Millisecond })
	id := start(t, d)
	get(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Stop(ctx, id); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop without time = %v", err)
	}
	if got := task(t, d); got.State != scaler.TaskStopping {
		t.Errorf("State = %s, want stopping", got.State)
	}
	if err := d.Stop(t.Context(), id); err != nil {
		t.Errorf("Stop again: %v", err)
	}
}

func TestStateFolderBelongsToOne(t *testing.T) {
	state := t.TempDir()
	shared := func(o *process.Options) { o.StateDir = state }
	d := open(t, "serve", shared)
	start(t, d)
	other := newDriver(t, "serve", shared)
	if err := other.Recover(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Recover in a folder that is in use = %v", err)
	}
	get(t, d) // nothing of ours was stopped
}

// TestKilledSupervisor kills a process with a child and lets the next one find
// what it has left.
func TestKilledSupervisor(t *testing.T) {
	for _, program := range []string{"serve", "deaf", "fork"} {
		t.Run(program, func(t *testing.T) {
			state := t.TempDir()
			addr := killedSupervisor(t, state, program)
			if !listens(addr) {
				t.Fatal("the child did not survive: nothing to find")
			}
			d := newDriver(t, "serve", func(o *process.Options) { o.StateDir = state; o.StopTimeout = 50 * time.Millisecond })
			if err := d.Recover(t.Context()); err != nil {
				t.Fatalf("Recover: %v", err)
			}
			defer d.Close(t.Context())
			if listens(addr) {
				t.Error("the child is still there")
			}
			if files, _ := filepath.Glob(filepath.Join(state, "*.json")); len(files) != 0 {
				t.Errorf("still on record: %v", files)
			}
		})
	}
}

// killedSupervisor starts a supervisor of the program, kills it and returns the
// address of the child that it has left.
func killedSupervisor(t *testing.T, state, program string) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(os.Environ(), "PROGRAM=supervisor", "CHILD="+program, "STATE="+state)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the supervisor said %q: %v", line, err)
	}
	var id, addr string
	if _, err := fmt.Sscanf(line, "child %s %s", &id, &addr); err != nil {
		t.Fatalf("the supervisor said %q", line)
	}
	until(t, "the child listens", func() bool { return listens(addr) })
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	return addr
}

// TestKilledSupervisorAndLeader leaves a grandchild only, in the group of a
// child that is gone: it is found by its marker.
func TestKilledSupervisorAndLeader(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the environment of other processes can be read on Linux only")
	}
	state := t.TempDir()
	addr := killedSupervisor(t, state, "fork")
	files, err := filepath.Glob(filepath.Join(state, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("on record: %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var record struct{ PID int }
	if err := json.Unmarshal(data, &record); err != nil || record.PID == 0 {
		t.Fatalf("the record %s has no process id: %v", data, err)
	}
	if err := syscall.Kill(record.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !listens(addr) {
		t.Fatal("the grandchild did not survive: nothing to find")
	}
	d := newDriver(t, "serve", func(o *process.Options) { o.StateDir = state; o.StopTimeout = 50 * time.Millisecond })
	if err := d.Recover(t.Context()); err != nil {
		t.Fatalf("Recover: %v", err)
	}
	defer d.Close(t.Context())
	if listens(addr) {
		t.Error("the grandchild is still there")
	}
}

// TestStrangersAreLeftAlone has records that name a process which is not the
// child: its id was given to another one, or the record is broken.
func TestStrangersAreLeftAlone(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stranger := exec.CommandContext(t.Context(), binary)
	stranger.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stranger.Env = append(os.Environ(), "PROGRAM=serve", "PORT=0")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	state := t.TempDir()
	for name, record := range map[string]string{
		"old":    fmt.Sprintf(`{"task":"old","pid":%d,"identity":"some boot/12345"}`, stranger.Process.Pid),
		"broken": `{"task":"bro`,
		"self":   fmt.Sprintf(`{"task":"self","pid":%d,"identity":""}`, os.Getpid()),
	} {
		if err := os.WriteFile(filepath.Join(state, name+".json"), []byte(record), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := newDriver(t, "serve", func(o *process.Options) { o.StateDir = state })
	if err := d.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer d.Close(t.Context())
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger is gone: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(state, "*.json")); len(files) != 0 {
		t.Errorf("still on record: %v", files)
	}
}

func TestNewReportsAllMistakes(t *testing.T) {
	_, err := process.New(process.Options{
		Command: []string{"astro", "{prot}"}, Dir: "sites/{port}", Env: map[string]string{"A": "{"}, StopTimeout: -1,
	})
	for _, want := range []string{
		"{prot}", "dir", "env.A", "state_dir is empty", "must contain {port}", "stop_timeout is negative",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want %q in it", err, want)
		}
	}
}
