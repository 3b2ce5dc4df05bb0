//go:build unix

package process

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// markerVariable names the task in the environment of its processes.
const markerVariable = "WARMGATE_TASK"

// launch is a command with everything filled in.
type launch struct {
	argv   []string
	dir    string
	env    []string
	ports  map[string]int
	target session.Target
}

// prepare fills in the templates for one start. The ports are reserved until
// they are given back.
func (d *Driver) prepare(id string, spec scaler.TaskSpec) (launch, error) {
	var la launch
	var err error
	if la.dir, err = d.folder(id, spec); err != nil {
		return launch{}, err
	}
	la.ports = make(map[string]int)
	value := func(name string) (string, bool) {
		switch name {
		case "session":
			return string(spec.SessionID), true
		case "client":
			return string(spec.ClientID), true
		case "task":
			return id, true
		case "base":
			return spec.Base, true
		}
		if la.ports[name] == 0 {
			port, portErr := d.ports.reserve()
			if portErr != nil {
				err = portErr
				return "", false
			}
			la.ports[name] = port
		}
		return strconv.Itoa(la.ports[name]), true
	}
	expand := func(template string) string {
		expanded, _ := scaler.Expand(template, value) // New has checked the syntax, err tells of ports
		return expanded
	}
	for _, arg := range d.opts.Command {
		la.argv = append(la.argv, expand(arg))
	}
	la.env = inherited(la.dir)
	for _, name := range slices.Sorted(maps.Keys(d.opts.Env)) {
		la.env = append(la.env, name+"="+expand(d.opts.Env[name]))
	}
	la.env = append(la.env, markerVariable+"="+id)
	if err != nil {
		d.ports.release(la.ports)
		return launch{}, err
	}
	la.target = targetOf(id, la.ports)
	return la, nil
}

// folder returns the folder to run in; it has to exist.
func (d *Driver) folder(id string, spec scaler.TaskSpec) (string, error) {
	if d.opts.Dir == "" {
		return "", nil
	}
	dir, err := expandPath(d.opts.Dir, spec, id)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("there is no folder %s for client %s, session %s", dir, spec.ClientID, spec.SessionID)
	}
	return dir, nil
}

// inherited is this process's environment without its own settings.
func inherited(dir string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "WARMGATE_") || dir != "" && strings.HasPrefix(v, "PWD=")
	})
	if dir != "" {
		env = append(env, "PWD="+dir)
	}
	return env
}

// targetOf returns the addresses behind the reserved ports. Ports with a name
// are the command's own affair.
func targetOf(id string, ports map[string]int) session.Target {
	t := session.Target{TaskID: id}
	for name, port := range ports {
		addr := loopback(port)
		if name == mainPort {
			t.Addr = addr
			continue
		}
		if number, err := strconv.Atoi(strings.TrimPrefix(name, mainPort+":")); err == nil {
			if t.Ports == nil {
				t.Ports = make(map[int]string)
			}
			t.Ports[number] = addr
		}
	}
	return t
}
