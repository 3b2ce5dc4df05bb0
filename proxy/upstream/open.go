package upstream

import (
	"net"
	"sync"
)

// openConns are the connections that are open, by address.
type openConns struct {
	mu    sync.Mutex
	conns map[string]map[*openConn]struct{}
}

// openConn is a connection that openConns knows until it is closed.
type openConn struct {
	net.Conn
	owner *openConns
	addr  string
}

func (o *openConns) add(addr string, c net.Conn) net.Conn {
	open := &openConn{Conn: c, owner: o, addr: addr}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conns == nil {
		o.conns = map[string]map[*openConn]struct{}{}
	}
	if o.conns[addr] == nil {
		o.conns[addr] = map[*openConn]struct{}{}
	}
	o.conns[addr][open] = struct{}{}
	return open
}

func (o *openConns) cut(addr string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.conns[addr] {
		_ = c.Conn.Close()
	}
	delete(o.conns, addr)
}

// Close implements net.Conn.
func (c *openConn) Close() error {
	c.owner.mu.Lock()
	if conns := c.owner.conns[c.addr]; conns != nil {
		if delete(conns, c); len(conns) == 0 {
			delete(c.owner.conns, c.addr)
		}
	}
	c.owner.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite implements what net.TCPConn does beyond net.Conn: it passes on that
// there is nothing more to say.
func (c *openConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
