package proxy

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webordinary/warmgate/proxy/accesslog"
	"github.com/webordinary/warmgate/proxy/page"
	"github.com/webordinary/warmgate/proxy/problem"
	"github.com/webordinary/warmgate/proxy/route"
	"github.com/webordinary/warmgate/proxy/socket"
	"github.com/webordinary/warmgate/proxy/warming"
	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/storetest"
)

// benchBed serves a Handler on loopback whose session "demo" starts when the
// benchmark says so.
type benchBed struct {
	addr     string
	upstream string
	live     *session.Live
	handler  *Handler
}

func newBenchBed(b *testing.B) *benchBed {
	b.Helper()
	upstream := serveLoopback(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	store, registry := storetest.NewMemory(), session.NewRegistry(session.Clocks{})
	now := time.Now()
	s := session.Session{ID: "demo", ClientID: "c", Status: session.Inactive, Pool: "edit", ExpiresAt: now.Add(time.Hour), LastHuman: now}
	if err := store.Create(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	touches := &touches{}
	manager := session.NewManager(session.ManagerOptions{Store: store, Registry: registry, Extender: touches, Backends: &backends{}})
	look, err := page.New(page.Options{})
	if err != nil {
		b.Fatal(err)
	}
	log, err := accesslog.New(io.Discard, accesslog.Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	table, err := route.NewTable([]route.Rule{sessionRule(route.Session{})})
	if err != nil {
		b.Fatal(err)
	}
	h, err := New(Options{
		Routes: table, Sessions: manager, Registry: registry, Backends: &backends{}, Toucher: touches, AccessLog: log,
		Pages: warming.New(look, warming.Options{}), Problems: problem.NewPages(look), Sockets: socket.New(socket.Options{}),
		Settings: Settings{Holds: HoldOptions{PerSession: 1 << 20, PerAddress: 1 << 20, Total: 1 << 20}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(h.Close)
	bed := &benchBed{addr: serveLoopback(b, h), upstream: upstream, live: registry.Acquire(&s), handler: h}
	b.Cleanup(bed.live.Release)
	bed.sleep()
	return bed
}

func (bed *benchBed) sleep() { bed.live.SetBackend(session.Backend{Phase: session.PhaseStarting}) }

func (bed *benchBed) wake() {
	bed.live.SetBackend(session.Backend{Phase: session.PhaseReady, Target: session.Target{TaskID: "t", Addr: bed.upstream}})
}

func serveLoopback(b *testing.B, h http.Handler) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: h, ConnContext: ConnContext}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	b.Cleanup(func() {
		_ = srv.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

// hold opens n connections whose requests, with the headers of a browser, are held.
func (bed *benchBed) hold(b *testing.B, n int) []net.Conn {
	b.Helper()
	request := "GET /session/demo/src/a.js HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: script\r\nAccept: */*\r\n" +
		"User-Agent: " + chrome + "\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nCookie: a=" + strings.Repeat("c", 1200) + "\r\n\r\n"
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", bed.addr)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.WriteString(c, request); err != nil {
			b.Fatal(err)
		}
		conns[i] = c
	}
	for deadline := time.Now().Add(20 * time.Second); bed.live.Waiters().Value() < n; runtime.Gosched() {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d requests are held", bed.live.Waiters().Value(), n)
		}
	}
	return conns
}

// BenchmarkHeldMemory reports what a held request costs: the heap and stacks of
// the process, and its resident set, the clients' sockets included.
func BenchmarkHeldMemory(b *testing.B) {
	const held = 2000
	for b.Loop() {
		bed := newBenchBed(b)
		heap, rss := memory(b)
		conns := bed.hold(b, held)
		heapHeld, rssHeld := memory(b)
		b.ReportMetric((heapHeld-heap)/held/1024, "KiB-heap+stack/held")
		b.ReportMetric((rssHeld-rss)/held/1024, "KiB-rss/held")
		bed.wake()
		closeAll(conns)
	}
}

// BenchmarkRelease reports how long after readiness the first and the last of
// 500 held requests have their answer's first byte.
func BenchmarkRelease(b *testing.B) {
	const held = 500
	bed := newBenchBed(b)
	var first, last time.Duration
	for b.Loop() {
		bed.sleep()
		conns := bed.hold(b, held)
		times := make([]time.Duration, held)
		var wg sync.WaitGroup
		began := time.Now()
		for i, c := range conns {
			wg.Go(func() {
				if _, err := bufio.NewReader(c).ReadByte(); err != nil {
					b.Error(err)
				}
				times[i] = time.Since(began)
			})
		}
		bed.wake()
		wg.Wait()
		lo, hi := times[0], times[0]
		for _, d := range times {
			lo, hi = min(lo, d), max(hi, d)
		}
		first, last = first+lo, last+hi
		closeAll(conns)
	}
	b.ReportMetric(float64(first.Microseconds())/1000/float64(b.N), "ms-first")
	b.ReportMetric(float64(last.Microseconds())/1000/float64(b.N), "ms-last")
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}

// memory returns the bytes of heap and stacks in use, and of the resident set.
func memory(b *testing.B) (heap, rss float64) {
	b.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("the resident set is read from /proc, which this system lacks")
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			if err != nil {
				b.Fatal(fmt.Errorf("VmRSS: %w", err))
			}
			rss = float64(kib) * 1024
		}
	}
	return float64(m.HeapInuse + m.StackInuse), rss
}
