//go:build unix

package process

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// portSet chooses ports on the loopback interface. A port is in use from its
// reservation until it is released, whether or not its child listens by then:
// two children with one port would serve each other's sessions, for many dev
// servers quietly take the next port if theirs is taken.
type portSet struct {
	mu       sync.Mutex
	reserved map[int]io.Closer
}

// The range to choose from lies below the ports that systems hand out for
// outgoing connections, so that only a listener can take one away.
const (
	lowestPort  = 20000
	highestPort = 32000
	portTries   = 100
)

// reserve returns a port that nobody listens on.
func (p *portSet) reserve() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range portTries {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if p.reserved[port] != nil {
			continue
		}
		lock, err := lockPort(port)
		if err != nil {
			continue // another pool has it, or another Warmgate on this machine
		}
		l, err := net.Listen("tcp", loopback(port)) //nolint:noctx // binding a loopback port does not block
		if err != nil {
			lock.Close()
			continue
		}
		l.Close()
		p.reserved[port] = lock
		return port, nil
	}
	return 0, fmt.Errorf("no free port found in %d tries between %d and %d", portTries, lowestPort, highestPort)
}

// release gives the ports back.
func (p *portSet) release(ports map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, port := range ports {
		if lock := p.reserved[port]; lock != nil {
			lock.Close()
			delete(p.reserved, port)
		}
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
