package socket

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/webordinary/warmgate/session"
)

// memorySockets is how many sockets, each of a session of its own, are measured.
const memorySockets = 2000

// peersVariable makes this binary the browsers and the dev server of
// BenchmarkMemory, so that their memory is not measured with the hub's.
const peersVariable = "WARMGATE_TEST_SOCKET_PEERS"

// runPeers serves an upstream whose address it prints, opens sockets at the
// address that it reads, has each carry a message both ways, says so, and stays
// until its input ends.
func runPeers() (exitCode int) {
	up := httptest.NewServer(upstreamSocket(echo))
	defer up.Close()
	fmt.Println(up.Listener.Addr())
	var hub string
	if _, err := fmt.Scanln(&hub); err != nil {
		return 1
	}
	d := websocket.Dialer{Subprotocols: []string{hmrProtocol}}
	message := make([]byte, 1024)
	for i := range memorySockets {
		c, _, err := d.Dial(fmt.Sprintf("ws://%s/%d", hub, i), http.Header{"Origin": {"http://" + hub}})
		if err == nil {
			err = c.WriteMessage(websocket.TextMessage, message)
		}
		if err == nil {
			_, _, err = c.ReadMessage()
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		go readAll(c)
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// readAll reads until the connection ends, so that pings are answered.
func readAll(c *websocket.Conn) {
	for {
		if _, _, err := c.NextReader(); err != nil {
			return
		}
	}
}

// peers is the process that runs runPeers.
type peers struct {
	b    *testing.B
	in   io.WriteCloser
	out  *bufio.Reader
	wait func() error
}

func startPeers(b *testing.B) *peers {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), peersVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return &peers{b: b, in: in, out: bufio.NewReader(out), wait: cmd.Wait}
}

func (p *peers) line() string {
	p.b.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (p *peers) stop() {
	p.in.Close()
	_ = p.wait()
}

// BenchmarkMemory reports KiB per live HMR socket after traffic and per parked
// one, in the Go heap with stacks, and resident. Kernel memory is not in it.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		measureMemory(b)
	}
}

func measureMemory(b *testing.B) {
	p := startPeers(b)
	defer p.stop()
	addr := p.line()

	registry := session.NewRegistry(session.Clocks{})
	lives := make([]*session.Live, memorySockets)
	for i := range lives {
		lives[i] = registry.Acquire(&session.Session{ID: session.ID(strconv.Itoa(i)), Status: session.Active})
		lives[i].SetBackend(session.Backend{Phase: session.PhaseReady, Target: session.Target{TaskID: "t", Addr: addr}})
	}
	h := New(Options{})
	done := func(Outcome) {}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, _ := strconv.Atoi(r.URL.Path[1:])
		h.Serve(w, r, Request{Live: lives[i], Done: done, Upstream: func(t session.Target) (string, http.Header, error) {
			return "ws://" + t.Addr + "/?token=abcdefghijkl", r.Header.Clone(), nil
		}})
	}))
	defer proxy.Close()

	heap0, rss0 := memory(b)
	fmt.Fprintln(p.in, proxy.Listener.Addr())
	if got := p.line(); got != "open" {
		b.Fatal(got)
	}
	heap1, rss1 := memory(b)
	for _, l := range lives {
		l.SetBackend(session.Backend{Phase: session.PhaseAsleep})
	}
	eventually(b, "all sockets to be parked", func() bool { return h.parkedNow() == memorySockets })
	heap2, rss2 := memory(b)

	each := func(from, to uint64) float64 { return (float64(to) - float64(from)) / 1024 / memorySockets }
	b.ReportMetric(each(heap0, heap1), "heap-KiB/live")
	b.ReportMetric(each(rss0, rss1), "rss-KiB/live")
	b.ReportMetric(each(heap0, heap2), "heap-KiB/parked")
	b.ReportMetric(each(rss0, rss2), "rss-KiB/parked")

	p.stop()
	eventually(b, "the sockets to end", func() bool { return h.openOf(HMR) == 0 })
	for _, l := range lives {
		l.Release()
	}
}

// memory returns the bytes of live heap objects and stacks, and the resident
// size, after what is free was given back.
func memory(b *testing.B) (heap, resident uint64) {
	b.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("no /proc to read the resident size from")
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseUint(strings.Fields(kib)[0], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			resident = n * 1024
		}
	}
	return m.HeapAlloc + m.StackInuse, resident
}
