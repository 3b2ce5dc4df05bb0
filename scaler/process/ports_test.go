//go:build unix

package process

import (
	"io"
	"net"
	"testing"
)

func TestPortsAreReservedOnce(t *testing.T) {
	first, second := portSet{reserved: make(map[int]io.Closer)}, portSet{reserved: make(map[int]io.Closer)}
	seen := make(map[int]bool)
	for range 200 {
		for _, set := range []*portSet{&first, &second} { // as two pools have
			port, err := set.reserve()
			if err != nil {
				t.Fatal(err)
			}
			if seen[port] {
				t.Errorf("port %d is given twice", port)
			}
			seen[port] = true
			defer set.release(map[string]int{"port": port})
		}
	}
	for port := range seen {
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			t.Errorf("port %d was reserved and is not free: %v", port, err)
			continue
		}
		l.Close()
	}
}
