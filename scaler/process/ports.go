//go:build unix

package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// portSet chooses ports on the loopback interface. A port is in use from its
// reservation until it is released, whether or not its child listens by then.
type portSet struct {
	mu       sync.Mutex
	reserved map[int]bool
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
		if p.reserved[port] {
			continue
		}
		l, err := net.Listen("tcp", loopback(port)) //nolint:noctx // binding a loopback port does not block
		if err != nil {
			continue
		}
		l.Close()
		p.reserved[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("no free port found in %d tries between %d and %d", portTries, lowestPort, highestPort)
}

// release gives the ports back.
func (p *portSet) release(ports map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, port := range ports {
		delete(p.reserved, port)
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
