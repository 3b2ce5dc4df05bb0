package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/webordinary/warmgate/proxy/route"
)

// PortsConfig are the further ports of a pool's tasks, by the paths that lead to
// them. In the file it may also be a plain list of ports, which rules name; then
// each key is the port's number.
type PortsConfig map[string]int

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *PortsConfig) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return n.Decode((*map[string]int)(p))
	}
	var list []int
	if err := n.Decode(&list); err != nil {
		return err
	}
	*p = PortsConfig{}
	for _, port := range list {
		(*p)[strconv.Itoa(port)] = port
	}
	return nil
}

// MarshalYAML implements yaml.Marshaler.
func (p PortsConfig) MarshalYAML() (any, error) { //nolint:unparam // the interface wants it
	if len(p.paths()) == 0 {
		return p.numbers(), nil
	}
	return map[string]int(p), nil
}

// numbers returns the ports, each once, in order.
func (p PortsConfig) numbers() []int {
	return slices.Compact(slices.Sorted(maps.Values(p)))
}

// paths returns which paths lead to which port.
func (p PortsConfig) paths() []route.PathPort {
	var list []route.PathPort
	for pattern, port := range p {
		if strings.HasPrefix(pattern, "/") {
			list = append(list, route.PathPort{Pattern: pattern, Port: port})
		}
	}
	slices.SortFunc(list, func(a, b route.PathPort) int { return cmp.Compare(a.Pattern, b.Pattern) })
	return list
}

// resolvePorts gives a rule that names no port the pool's paths. The number of the
// main port becomes 0, which is the task's own.
func (p *PoolConfig) resolvePorts(s *route.Session) {
	switch s.Port {
	case p.Port:
		s.Port = 0
	case 0:
		s.Ports = p.Ports.paths()
		for i := range s.Ports {
			if s.Ports[i].Port == p.Port {
				s.Ports[i].Port = 0
			}
		}
	}
}

// checkPorts: numbers that are ports, keys that are paths or the number itself, and
// processes that are given each of them.
func (p *PoolConfig) checkPorts(path string, m *mistakes) {
	for _, key := range slices.Sorted(maps.Keys(p.Ports)) {
		port := p.Ports[key]
		checkPort(path+".ports", port, m)
		if !strings.HasPrefix(key, "/") && key != strconv.Itoa(port) {
			m.add(path+".ports", "%q is no path such as /api/*", key)
		}
	}
	if p.Driver != driverProcess {
		return
	}
	given := map[string]bool{}
	for _, template := range append(slices.Collect(maps.Values(p.Process.Env)), p.Process.Command...) {
		names, _ := templateNames(template) // the driver tells of wrong ones
		for _, name := range names {
			given[name] = true
		}
	}
	for _, port := range p.Ports.numbers() {
		if name := fmt.Sprintf("port:%d", port); port != p.Port && !given[name] {
			m.add(path+".ports", "nobody listens on %d: neither command nor env has {%s}", port, name)
		}
	}
}
