package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// testbed is the upstream and the two proxies.
type testbed struct {
	dir     string
	started []*exec.Cmd
	proxies []*proxy
}

// newTestbed starts everything; close ends it.
func newTestbed(ctx context.Context, binary string) (*testbed, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "warmgate-bench")
	if err != nil {
		return nil, err
	}
	b := &testbed{dir: dir}
	if err := b.start(ctx, binary); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *testbed) start(ctx context.Context, binary string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, upstream, err := b.startRole(ctx, self, "-role=upstream")
	if err != nil {
		return err
	}
	pid, bare, err := b.startRole(ctx, self, "-role=bare", "-target="+upstream)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}, Timeout: time.Minute}
	b.proxies = append(b.proxies, &proxy{
		name: "bare", pid: pid, base: "http://" + bare, client: client,
		metrics: func(ctx context.Context) (float64, error) { return mallocs(ctx, client, "http://"+bare+"/metrics", "") },
	})
	ours, err := b.startWarmgate(ctx, binary, upstream, client)
	b.proxies = append(b.proxies, ours)
	return err
}

// startRole starts this program in a role and reads the address it prints.
func (b *testbed) startRole(ctx context.Context, self string, args ...string) (pid int, addr string, err error) {
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, "", err
	}
	if err := cmd.Start(); err != nil {
		return 0, "", err
	}
	b.started = append(b.started, cmd)
	addr, err = bufio.NewReader(out).ReadString('\n')
	return cmd.Process.Pid, strings.TrimSpace(addr), err
}

const benchConfig = `
listen: "%[1]s"
health: { listen: "" }
admin: { listen: "%[2]s", token_file: token }
store: { kind: bolt, path: sessions.db }
pools:
  bench:
    key: "{session}"
    driver: static
    static: { addresses: ["%[3]s"] }
routes:
  - { priority: 15, path: ["/session/*"], session: { pool: bench, allow_guessable: true } }
`

// startWarmgate starts the binary with a session before the upstream and waits
// until it answers.
func (b *testbed) startWarmgate(ctx context.Context, binary, upstream string, client *http.Client) (*proxy, error) {
	listen, admin, err := twoAddresses()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(b.dir, "warmgate.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, benchConfig, listen, admin, upstream), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(b.dir, "access.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(ctx, binary, "serve", "--config", config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, log, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b.started = append(b.started, cmd)
	p := &proxy{name: "warmgate", pid: cmd.Process.Pid, base: "http://" + listen + "/session/bench", client: client}
	p.metrics = func(ctx context.Context) (float64, error) {
		token, err := os.ReadFile(filepath.Join(b.dir, "token"))
		if err != nil {
			return 0, err
		}
		return mallocs(ctx, client, "http://"+admin+"/metrics", string(bytes.TrimSpace(token)))
	}
	return p, b.activate(ctx, p, "http://"+admin)
}

// activate makes the session once the server is up, and waits for its answer.
func (b *testbed) activate(ctx context.Context, p *proxy, admin string) error {
	var last error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		token, err := os.ReadFile(filepath.Join(b.dir, "token"))
		if err != nil {
			last = err
			continue
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, admin+"/api/sessions/activate",
			strings.NewReader(`{"clientId":"bench","userId":"bench","sessionId":"bench"}`))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(token)))
		res, err := p.client.Do(req)
		if err != nil {
			last = err
			continue
		}
		_ = res.Body.Close()
		if last = p.get(ctx, "/1k"); last == nil {
			return nil
		}
	}
	return fmt.Errorf("warmgate did not get ready: %w", last)
}

// close ends the processes that were started and removes the folder.
func (b *testbed) close() {
	for _, cmd := range b.started {
		_ = cmd.Process.Signal(os.Interrupt)
		done := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		done.Stop()
	}
	_ = os.RemoveAll(b.dir)
}

// twoAddresses returns two free loopback addresses.
func twoAddresses() (first, second string, err error) {
	for _, addr := range []*string{&first, &second} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer func() { _ = ln.Close() }()
		*addr = ln.Addr().String()
	}
	return first, second, nil
}

// mallocs reads the count of heap allocations from a Prometheus page.
func mallocs(ctx context.Context, client *http.Client, url, token string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(body)) {
		if v, ok := strings.CutPrefix(line, "go_memstats_mallocs_total "); ok {
			return strconv.ParseFloat(strings.TrimSpace(v), 64)
		}
	}
	return 0, errors.New("no go_memstats_mallocs_total in " + url)
}

// cpuTime reads user and system time of a process (proc(5), fields 14 and 15).
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	fields := bytes.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("unexpected format of /proc/PID/stat")
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	const ticksPerSecond = 100 // USER_HZ is 100 on every Linux that Go runs on
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}
