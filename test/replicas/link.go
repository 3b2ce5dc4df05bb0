//go:build unix

package replicas

import (
	"io"
	"net"
	"sync"
)

// Link passes TCP connections on to another address, and can be cut: from then on nothing comes through and nobody is told,
// as with packets that get lost. Safe for concurrent use. Make it with [NewLink].
type Link struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	mended chan struct{} // open while the link is cut; nil otherwise
	open   map[net.Conn]bool
}

// NewLink returns a link to the address, on a loopback port. The caller closes it.
func NewLink(target string) (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	link := &Link{listener: l, target: target, open: make(map[net.Conn]bool)}
	link.running.Go(link.accept)
	return link, nil
}

// Address is where the link listens, as host:port.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Cut has everything stop that is under way, and everything new wait.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mended == nil {
		l.mended = make(chan struct{})
	}
}

// Mend ends a cut. Connections that were open meanwhile are closed.
func (l *Link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mend()
}

func (l *Link) mend() {
	if l.mended == nil {
		return
	}
	for c := range l.open {
		c.Close()
	}
	close(l.mended)
	l.mended = nil
}

// Close ends all connections and returns when nothing is left of the link.
func (l *Link) Close() {
	l.listener.Close()
	l.mu.Lock()
	l.closed = true
	l.mend()
	for c := range l.open {
		c.Close()
	}
	l.mu.Unlock()
	l.running.Wait()
}

func (l *Link) accept() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		if l.keep(c) {
			l.running.Go(func() { l.serve(c) })
		}
	}
}

// serve connects a client with the target.
func (l *Link) serve(client net.Conn) {
	defer l.drop(client)
	l.pass()
	server, err := net.Dial("tcp", l.target)
	if err != nil || !l.keep(server) {
		return
	}
	defer l.drop(server)
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			// The end of one way is that of both.
			defer client.Close()
			defer server.Close()
			_, _ = io.Copy(writer{way[1], l}, way[0]) // connections end in many ways
		})
	}
	both.Wait()
}

// writer writes to a connection what gets through the link.
type writer struct {
	io.Writer
	link *Link
}

func (w writer) Write(p []byte) (int, error) {
	w.link.pass()
	return w.Writer.Write(p)
}

// pass returns when the link is not cut.
func (l *Link) pass() {
	l.mu.Lock()
	mended := l.mended
	l.mu.Unlock()
	if mended != nil {
		<-mended
	}
}

// keep notes a connection, or closes it if the link is closed.
func (l *Link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.Close()
		return false
	}
	l.open[c] = true
	return true
}

func (l *Link) drop(c net.Conn) {
	c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}
