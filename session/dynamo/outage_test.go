package dynamo_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/webordinary/warmgate/session"
	"github.com/webordinary/warmgate/session/cache"
	"github.com/webordinary/warmgate/session/dynamo"
)

// wire is a TCP proxy in front of DynamoDB Local that can be cut.
type wire struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	mode  wireMode
	conns map[net.Conn]bool
}

type wireMode int

const (
	whole  wireMode = iota
	silent          // accepts, and nothing goes through
	broken          // resets what connects
)

func newWire(t *testing.T) *wire {
	t.Helper()
	u, err := url.Parse(endpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, target: u.Host, conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { w.carry(c) })
		}
	})
	t.Cleanup(func() { l.Close(); w.set(broken); wg.Wait() })
	return w
}

func (w *wire) url() string { return "http://" + w.listener.Addr().String() }

// set changes the mode; open connections end.
func (w *wire) set(m wireMode) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mode = m
	for c := range w.conns {
		c.Close()
	}
	clear(w.conns)
}

// add keeps c to be closed; it tells what to do with it.
func (w *wire) add(c net.Conn) wireMode {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = true
	return w.mode
}

func (w *wire) carry(c net.Conn) {
	defer c.Close()
	switch w.add(c) {
	case broken:
		return
	case silent:
		_, _ = io.Copy(io.Discard, c)
		return
	}
	up, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer up.Close()
	go func() { _, _ = io.Copy(up, c); up.Close() }()
	_, _ = io.Copy(c, up)
}

// TestOutage: with the cache in front a table that is out of reach costs nobody
// more than a second and cached sessions nothing; afterwards all is as before.
func TestOutage(t *testing.T) {
	for name, mode := range map[string]wireMode{"silent": silent, "broken": broken} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			o := options(t)
			makeTables(t, o, nil)
			o.Endpoint, o.AttemptTimeout, o.Timeout = w.url(), 0, 0
			st := open(t, o)
			cached, err := cache.New(st, cache.Options{Timeout: 5 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			s := session.Session{ID: "known", ClientID: "c", Status: session.Active, Generation: 1, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
			eventually(t, func() error {
				if err := cached.Create(t.Context(), s); err != nil && !errors.Is(err, session.ErrConflict) {
					return err
				}
				_, err := cached.Session(t.Context(), "known")
				return err
			})
			w.set(mode)
			for _, call := range []func(context.Context) error{
				func(ctx context.Context) error { _, err := cached.Session(ctx, "unknown"); return err },
				func(ctx context.Context) error { return st.Delete(ctx, "known") },
				func(ctx context.Context) error {
					_, err := st.Update(ctx, "known", session.DrainChange("x"))
					return err
				},
				func(ctx context.Context) error { _, err := st.Record(ctx, "r"); return err },
				st.Ping,
			} {
				// The bound is the context's: an answer in time is not its end.
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				begin := time.Now()
				if err := call(ctx); !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("a call without a table = %v after %v, want ErrUnavailable", err, time.Since(begin))
				}
				t.Logf("answer after %v", time.Since(begin))
				cancel()
			}
			if _, err := cached.Session(t.Context(), "known"); err != nil {
				t.Errorf("a cached session without a table = %v", err)
			}
			w.set(whole)
			eventually(t, func() error {
				_, err := cached.Update(t.Context(), "known", session.DrainChange("over"))
				if errors.Is(err, session.ErrExpired) {
					return nil // written by a try whose answer was late
				}
				return err
			})
		})
	}
}

// eventually tries f until it succeeds.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still: %v", err)
		}
	}
}

// TestOpenUnreachable: Open gives up in time and says why; a table that does not
// exist is told at once.
func TestOpenUnreachable(t *testing.T) {
	w := newWire(t)
	o := options(t)
	o.Endpoint, o.Patience = w.url(), time.Millisecond
	if _, err := dynamo.Open(t.Context(), o); err == nil || errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Open without tables = %v, want another error than ErrUnavailable", err)
	}
	w.set(broken)
	if _, err := dynamo.Open(t.Context(), o); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Open without DynamoDB = %v, want ErrUnavailable", err)
	}
	// It comes back while Open tries.
	w.set(whole)
	makeTables(t, o, nil)
	w.set(broken)
	o.Patience = time.Minute
	opened := make(chan error, 1)
	go func() { _, err := dynamo.Open(t.Context(), o); opened <- err }()
	w.set(whole)
	if err := <-opened; err != nil {
		t.Errorf("Open after the outage = %v", err)
	}
}

// TestLostAnswer: a write whose answer was lost and that the client sends again
// is no conflict, and is done once.
func TestLostAnswer(t *testing.T) {
	target, err := url.Parse(endpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	var lose atomic.Bool
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(*http.Response) error {
		if lose.CompareAndSwap(true, false) {
			panic(http.ErrAbortHandler)
		}
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: proxy}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })

	for name, adapt := range map[string]func(*dynamodb.CreateTableInput){"id": nil, "id and user": withUser} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			makeTables(t, o, adapt)
			o.Endpoint = "http://" + l.Addr().String()
			st := open(t, o)
			now := time.Now()
			s := session.Session{ID: "a", ClientID: "c", UserID: "u", Status: session.Inactive, Generation: 1, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
			if adapt == nil { // a transaction is idempotent by itself, but is its fourth call
				lose.Store(true)
			}
			if err := st.Create(t.Context(), s); err != nil {
				t.Errorf("Create = %v", err)
			}
			lose.Store(true)
			wake := session.Wake{Activity: session.Activity{At: now.Add(time.Second), Kind: session.Navigation}}
			after, err := st.Update(t.Context(), "a", session.WakeChange(1, wake, 2*time.Hour))
			if err != nil || after.Generation != 2 || after.Status != session.Initializing {
				t.Errorf("wake = %+v, %v, want start 2", after, err)
			}
			lose.Store(true)
			if v, err := st.PutRecord(t.Context(), "lease", []byte("x"), 0); err != nil || v != 1 {
				t.Errorf("PutRecord = %d, %v, want 1", v, err)
			}
			if lose.Load() {
				t.Error("no answer was lost: the test shows nothing")
			}
		})
	}
}
