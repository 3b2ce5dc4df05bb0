package balance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webordinary/warmgate/proxy/route"
)

// sites are scripted targets by address, in memory.
type sites struct {
	t  *testing.T
	mu sync.Mutex
	// answer has a target's status; 0 refuses the connection, -1 never answers.
	answer map[string]int
	asked  []string // "GET addr/path agent"
	times  []time.Time
	conns  sync.WaitGroup
}

func newSites(t *testing.T) *sites {
	s := &sites{t: t, answer: map[string]int{}}
	t.Cleanup(s.conns.Wait)
	return s
}

func (s *sites) set(addr string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer[addr] = status
}

func (s *sites) dial(_ context.Context, _, addr string) (net.Conn, error) {
	s.mu.Lock()
	status := s.answer[addr]
	s.mu.Unlock()
	if status == 0 {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	here, there := net.Pipe()
	s.conns.Go(func() {
		defer func() { _ = there.Close() }()
		ln := &oneConn{conn: there}
		_ = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			s.asked = append(s.asked, r.Method+" "+r.Host+r.RequestURI+" "+r.UserAgent())
			s.times = append(s.times, time.Now())
			s.mu.Unlock()
			if status < 0 {
				<-r.Context().Done()
				return
			}
			w.Header().Set("Location", "http://elsewhere/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "hello")
		}))
		ln.wait()
	})
	return here, nil
}

func (s *sites) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// oneConn is a listener with a single connection.
type oneConn struct {
	conn   net.Conn
	taken  bool
	served sync.WaitGroup
}

func (l *oneConn) Accept() (net.Conn, error) {
	if l.taken {
		return nil, net.ErrClosed
	}
	l.taken = true
	l.served.Add(1)
	return &servedConn{Conn: l.conn, done: sync.OnceFunc(l.served.Done)}, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }
func (l *oneConn) wait()          { l.served.Wait() }

type servedConn struct {
	net.Conn
	done func()
}

func (c *servedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}

// running returns a Balancer whose checks run until the test ends, in its bubble.
func (s *sites) running(o Options) *Balancer {
	s.t.Helper()
	o.Dial = s.dial
	o.Logger = slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil))
	b := New(o)
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := b.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(func() {
		stop()
		run.Wait()
	})
	synctest.Wait() // it runs
	return b
}

// checked is an upstream of these addresses with an ALB's default health check.
func checked(addrs ...string) *route.Upstream {
	u := unchecked(addrs...)
	u.HealthCheck = &route.HealthCheck{}
	return u
}

func unchecked(addrs ...string) *route.Upstream {
	u := &route.Upstream{}
	for _, a := range addrs {
		u.URLs = append(u.URLs, "http://"+a)
	}
	return u
}

// only returns the group of a balancer that has but one.
func only(b *Balancer, u *route.Upstream) *Group {
	return b.Replace(map[string]*route.Upstream{"u": u})["u"]
}

// order returns the addresses that one request would try.
func order(g *Group) string {
	var list []string
	for t := range g.InTurn() {
		list = append(list, t.Addr)
	}
	return strings.Join(list, " ")
}

// firsts counts where n requests would begin.
func firsts(g *Group, n int) map[string]int {
	count := map[string]int{}
	for range n {
		for t := range g.InTurn() {
			count[t.Addr]++
			break
		}
	}
	return count
}

// states returns "addr state reason" of each target of the only group.
func states(b *Balancer) string {
	var list []string
	for _, s := range b.Status() {
		for _, t := range s.Targets {
			list = append(list, strings.TrimSpace(strings.TrimPrefix(t.URL, "http://")+" "+string(t.State)+" "+t.Reason))
		}
	}
	return strings.Join(list, ", ")
}
