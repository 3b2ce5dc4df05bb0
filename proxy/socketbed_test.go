package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/webordinary/warmgate/session"
)

// serveOnSocket serves the handler of a bed on a loopback socket, as the listener
// of the program does, with sessions on real sockets, too.
func serveOnSocket(t *testing.T, change func(*Options)) (b *bed, addr string) {
	t.Helper()
	b = newBed(t, nil, func(o *Options) {
		o.Transport.Dial = nil
		if change != nil {
			change(o)
		}
	})
	ln := listenLoopback(t)
	srv := &http.Server{
		Handler: b.handler, ConnContext: ConnContext,
		MaxHeaderBytes: 32 << 10, ReadHeaderTimeout: 5 * time.Second,
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	wg.Go(func() { _ = b.accessLog.Run(ctx) })
	t.Cleanup(func() {
		_ = srv.Close()
		stop()
		wg.Wait()
	})
	return b, ln.Addr().String()
}

func listenLoopback(t *testing.T) net.Listener {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// scriptedSite is an upstream whose every connection is served by a script, which
// gets the number of the connection, from 1; the connection is closed behind it.
func scriptedSite(t *testing.T, serve func(n int, c net.Conn, r *bufio.Reader)) (addr string) {
	t.Helper()
	ln := listenLoopback(t)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				defer context.AfterFunc(ctx, func() { _ = c.Close() })()
				_ = c.SetDeadline(time.Now().Add(patience))
				serve(n, c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		stop()
		wg.Wait()
	})
	return ln.Addr().String()
}

// scripted makes the bed's session ready at a scripted site.
func (b *bed) scripted(serve func(n int, c net.Conn, r *bufio.Reader)) *session.Live {
	b.t.Helper()
	b.backends.target.Addr = scriptedSite(b.t, serve)
	return b.ready()
}

// served makes the bed's session ready at a site of one handler.
func (b *bed) served(h http.Handler) *session.Live {
	b.t.Helper()
	ln := listenLoopback(b.t)
	srv := &http.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	b.t.Cleanup(func() {
		_ = srv.Close()
		wg.Wait()
	})
	b.backends.target.Addr = ln.Addr().String()
	return b.ready()
}

// warming makes the session "demo" start, for as long as the test wants.
func (b *bed) warming() *session.Live {
	l := b.ready()
	l.SetBackend(session.Backend{Phase: session.PhaseStarting})
	return l
}

// patience is how long a test on sockets waits for what has to come.
const patience = 20 * time.Second

// dialRaw connects to a listener of the test.
func dialRaw(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// answerTo reads one answer whole. It reports a body that breaks off as err.
func answerTo(t *testing.T, r *bufio.Reader, method string) (res *http.Response, body string, err error) {
	t.Helper()
	res, err = http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("answer to %s: %v", method, err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	return res, string(text), err
}

// eventually waits until ok is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// expectLine waits for an access line that holds the text.
func (b *bed) expectLine(text string) {
	b.t.Helper()
	eventually(b.t, "access line with "+text, func() bool { return strings.Contains(b.log.String(), text) })
}
