package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// secretText stands for every value that is not printed.
const secretText = "***"

// printConfig writes c as a configuration file of its own, with secrets hidden.
func printConfig(w io.Writer, c *Config) error {
	var root yaml.Node
	if err := root.Encode(c); err != nil {
		return err
	}
	newTidier(c).tidy(&root, "")
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return err
	}
	return e.Close()
}

// tidier hides secrets and shortens durations.
type tidier struct {
	secrets, durations map[string]bool // by path, as configKeys has it
}

func newTidier(c *Config) tidier {
	t := tidier{secrets: map[string]bool{}, durations: map[string]bool{}}
	for _, k := range configKeys(c, &PoolConfig{}, &RouteConfig{}) {
		t.secrets[k.Path] = k.Secret
		t.durations[k.Path] = k.Type == durationType
	}
	return t
}

// tidy goes through what stands at the path.
func (t tidier) tidy(n *yaml.Node, path string) {
	if t.secrets[path] {
		for i := 1; i < len(n.Content); i += 2 {
			n.Content[i] = &yaml.Node{Kind: yaml.ScalarNode, Value: secretText}
		}
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if d, err := time.ParseDuration(n.Value); err == nil && t.durations[path] {
			n.Value = durationText(d)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			t.tidy(n.Content[i+1], childPath(path, n.Content[i].Value))
		}
	default:
		for _, child := range n.Content {
			t.tidy(child, path+"[]")
		}
	}
}

// childPath is the path of a key below path, with NAME for the name of a pool or
// upstream, as
// configKeys has it.
func childPath(path, key string) string {
	switch path {
	case "":
		return key
	case "pools", "upstreams":
		key = "NAME"
	}
	return path + "." + key
}

// printReference writes docs/configuration.md.
func printReference(w io.Writer) error {
	pool := &PoolConfig{}
	pool.fillDefaults("")
	r := &referencePrinter{w: w}
	r.printf("%s\n", referenceHead)
	keys := configKeys(DefaultConfig(), pool, &RouteConfig{})
	r.table("", keys)
	for _, k := range keys {
		if k.Below != "" {
			r.printf("\n## `%s`\n\n%s\n", k.Below, k.Doc)
			r.table(k.Below, keys)
		}
	}
	r.printf("\n## Reload\n\n"+referenceReload+"\n\n", strings.Join(reloadableKeys(), "`, `"))
	r.printf("%s", referenceTail)
	return r.err
}

// reloadableKeys lists the keys, and the sections as a whole, that a reload takes
// over.
func reloadableKeys() []string {
	var list []string
	c := reflect.ValueOf(DefaultConfig()).Elem()
	for field, value := range c.Fields() {
		switch {
		case field.Tag.Get("reload") == "true":
			list = append(list, yamlName(field))
		case field.Type.Kind() == reflect.Struct:
			eachValue(value, value, yamlName(field)+".", false, func(path string, reloads bool, _, _ reflect.Value) {
				if reloads {
					list = append(list, path)
				}
			})
		}
	}
	return list
}

type referencePrinter struct {
	w   io.Writer
	err error
}

func (r *referencePrinter) printf(format string, args ...any) {
	if r.err == nil {
		_, r.err = fmt.Fprintf(r.w, format, args...)
	}
}

// table prints the keys of the section that have a value of their own.
func (r *referencePrinter) table(section string, keys []configKey) {
	var rows []configKey
	variables := false
	for _, k := range keys {
		if k.Below == "" && k.parent() == section {
			rows = append(rows, k)
			variables = variables || k.Env != ""
		}
	}
	switch {
	case len(rows) == 0:
		return
	case variables:
		r.printf("\n| key | default | environment variable | meaning |\n| --- | --- | --- | --- |\n")
	default:
		r.printf("\n| key | default | meaning |\n| --- | --- | --- |\n")
	}
	for _, k := range rows {
		r.printf("| `%s` | %s | ", k.name(), code(defaultText(k)))
		if variables {
			r.printf("%s | ", code(k.Env))
		}
		r.printf("%s |\n", strings.ReplaceAll(k.Doc, "|", `\|`))
	}
}

// defaultText is the key's default as the file would have it; empty if it is no
// value at all.
func defaultText(k configKey) string {
	if k.Optional && k.Value.IsZero() {
		return ""
	}
	if d, ok := reflect.TypeAssert[time.Duration](k.Value); ok {
		return durationText(d)
	}
	switch {
	case k.Value.CanInt(), k.Value.CanFloat():
		return fmt.Sprint(k.Value.Interface())
	case k.Value.IsZero():
		return ""
	}
	if list, ok := reflect.TypeAssert[[]string](k.Value); ok {
		return `["` + strings.Join(list, `", "`) + `"]`
	}
	if s, ok := reflect.TypeAssert[string](k.Value); ok && s == goneNotFound {
		return `"404"`
	}
	return fmt.Sprint(k.Value.Interface())
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

const referenceHead = `# Configuration

One YAML file, named by ` + "`--config`" + ` or ` + "`WARMGATE_CONFIG`" + `; without either, ` + "`warmgate.yaml`" + ` in the working folder if
there is one. An empty file means all defaults. An unknown key is a mistake. ` + "`warmgate config check`" + ` lists every mistake, or prints
the configuration as it takes effect.

A value is taken from the first of: a flag of the command line, an environment variable, the file, the default. Lists that are not
marked otherwise, pools and routes have no variable: they belong in the file. An empty variable is as good as none. Relative paths in the file are taken from the file's
folder, those in variables and flags from the working folder. Durations are written like ` + "`750ms`, `30s`, `5m`, `12h`" + `.

This page is printed by ` + "`warmgate config reference`" + `.

## Top level`

const referenceReload = "`warmgate reload`, or SIGHUP, takes over changes of these keys and sections: `%s`. All others need a restart."

const referenceTail = `## An example

` + "```yaml" + `
listen: ":8080"
public_url: https://edit.example.com
trusted_proxies: [10.0.0.0/8]
admin: { listen: "127.0.0.1:9090", token_file: .warmgate/token }
sessions: { ttl: 30m, idle_timeout: 5m }
pools:
  edit:
    key: "{session}"                 # a dev server for each session
    driver: process
    process: { dir: "sites/{client}" }
upstreams:
  hermes:                            # two addresses that answer GET /healthz
    urls: ["http://10.0.0.5:3000", "http://10.0.0.6:3000"]
    algorithm: least_outstanding
    health_check: { path: /healthz, interval: 10s }
routes:
  - { priority: 4,  path: ["/hermes/api/sessions/*"], management: {} }
  - { priority: 5,  path: ["/hermes/*"],  forward: { upstream: hermes } }
  - { priority: 15, path: ["/session/*"], session: { pool: edit } }
  - { priority: 20, path: ["/_astro/*"],  session: { pool: edit, id: [hint] } }
  - { default: true, fixed_response: { status_code: 404, body: "Nothing here." } }
` + "```" + `
`
