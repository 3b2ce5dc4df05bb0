package process

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// Options are the settings of a pool's processes. Command, Dir, Env and LogFile
// are templates with {session}, {client} and {task}; Command and Env also know
//
//	{port}      the free port on 127.0.0.1 that the main port stands for
//	{port:8080} the free port that the pool's port 8080 stands for
//	{port:name} one more free port, for the command's own use
//	{base}      the path below which the site is served, "/" or "/some/prefix/"
type Options struct {
	// Command is the program and its arguments. Required, and {port} has to
	// occur in it or in Env.
	Command []string
	// Dir is the folder it runs in, which has to exist. Empty means this
	// process's own.
	Dir string
	// Env is added to this process's environment, from which names that begin
	// with WARMGATE_ are left out.
	Env map[string]string
	// StateDir keeps one small file per child. Required, made if missing, and
	// for this pool alone.
	StateDir string
	// LogFile gets what the command prints, at most 16 MiB, anew with each
	// start. Empty means none; the last lines are kept in memory in any case.
	LogFile string
	// StopTimeout is the time between SIGTERM and SIGKILL. Zero means 10 s.
	StopTimeout time.Duration
	// Logger; nil discards.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.StopTimeout == 0 {
		o.StopTimeout = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// validate reports every mistake at once.
func (o Options) validate() error {
	var errs []error
	invalid := func(field, format string, args ...any) {
		errs = append(errs, &session.InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if len(o.Command) == 0 {
		invalid("command", "is empty")
	}
	if o.StateDir == "" {
		invalid("state_dir", "is empty")
	}
	if o.StopTimeout < 0 {
		invalid("stop_timeout", "is negative")
	}
	hasPort := false
	check := func(field, template string, ports bool) {
		_, err := scaler.Expand(template, func(name string) (string, bool) {
			hasPort = hasPort || name == mainPort
			return "x", isVariable(name, ports)
		})
		if err != nil {
			invalid(field, "%v", err)
		}
	}
	for _, arg := range o.Command {
		check("command", arg, true)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Env)) {
		check("env."+name, o.Env[name], true)
	}
	if !hasPort {
		invalid("command", "must contain {port}, or env must")
	}
	check("dir", o.Dir, false)
	check("log_file", o.LogFile, false)
	return errors.Join(errs...)
}

// isVariable reports whether a template may have {name}.
func isVariable(name string, ports bool) bool {
	switch name {
	case "session", "client", "task":
		return true
	case "base", mainPort:
		return ports
	}
	key, isPort := strings.CutPrefix(name, mainPort+":")
	return ports && isPort && key != ""
}

// expandPath expands a template that becomes a path. The values are names, and
// must stay names: none of them may lead out of the folder it stands in.
func expandPath(template string, spec scaler.TaskSpec, task string) (string, error) {
	var bad *string
	path, err := scaler.Expand(template, func(name string) (string, bool) {
		v := map[string]string{"session": string(spec.SessionID), "client": string(spec.ClientID), "task": task}[name]
		if v == "." || !filepath.IsLocal(v) || filepath.Base(v) != v {
			bad = &v
		}
		return v, true
	})
	if bad != nil {
		return "", fmt.Errorf("%q cannot be part of the path %q", *bad, template)
	}
	return path, err
}

// mainPort is the variable of the main port, and the prefix of the others.
const mainPort = "port"
