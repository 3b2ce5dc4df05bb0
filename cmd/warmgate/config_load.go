package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
	"go.yaml.in/yaml/v3"
)

// defaultConfigFile is read when no file is named and it exists.
const defaultConfigFile = "warmgate.yaml"

// lookupFunc looks up an environment variable, as [os.LookupEnv].
type lookupFunc func(name string) (string, bool)

// loadFunc reads the configuration: valid, with what the command line has put in
// its place, and the name of its file ("" if there is none).
type loadFunc func() (c *Config, found string, err error)

// loadConfig reads the layers: defaults, the file, the environment. An empty
// file name stands for WARMGATE_CONFIG or else [defaultConfigFile], which may be
// missing. found is the file that was read, "" if none was. Relative paths in
// the file and the defaults are taken from the file's folder, those in variables
// from the working folder. The result is not validated.
func loadConfig(file string, lookup lookupFunc) (c *Config, found string, err error) {
	if file == "" {
		file, _ = lookup(envPrefix + "CONFIG")
	}
	optional := file == ""
	if optional {
		file = defaultConfigFile
	}
	text, err := os.ReadFile(file)
	switch {
	case optional && errors.Is(err, os.ErrNotExist):
		file = ""
	case err != nil:
		return nil, "", fmt.Errorf("read the configuration: %w", err)
	}
	c = DefaultConfig()
	if err := decodeConfig(text, file, c); err != nil {
		return nil, "", err
	}
	c.complete()
	c.anchor(filepath.Dir(file))
	if err := applyEnvironment(c, lookup); err != nil {
		return nil, "", err
	}
	return c, file, nil
}

// decodeConfig reads the YAML text into c. Unknown keys are refused; an empty
// text changes nothing.
func decodeConfig(text []byte, file string, c *Config) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	err := d.Decode(c)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return yamlMistakes(file, err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: has more than one document; only the first would count", file)
	}
	return nil
}

// complete fills in what depends on other keys.
func (c *Config) complete() {
	if len(c.Pools) == 0 {
		c.Pools = defaultPools()
	}
	if len(c.Routes) == 0 {
		c.Routes = defaultRoutes()
	}
	for name, p := range c.Pools {
		if p == nil {
			p = &PoolConfig{}
			c.Pools[name] = p
		}
		p.fillDefaults(name)
	}
	for name, u := range c.Upstreams {
		if u == nil {
			u = &UpstreamConfig{}
			c.Upstreams[name] = u
		}
		u.fillDefaults()
	}
	for i := range c.Routes {
		if s := c.Routes[i].Session; s != nil && s.Pool == "" {
			s.Pool = c.onlyPool()
		}
	}
}

// onlyPool returns the pool's name if there is exactly one.
func (c *Config) onlyPool() string {
	if len(c.Pools) != 1 {
		return ""
	}
	for name := range c.Pools {
		return name
	}
	return ""
}

// completePublicURL takes a listener's own address if none is configured.
func (c *Config) completePublicURL(l listeners) {
	switch {
	case c.PublicURL != "":
	case l.secure != nil:
		c.PublicURL = browserURL("https", l.secure.Addr())
	default:
		c.PublicURL = browserURL("http", l.public.Addr())
	}
}

// anchor makes the relative paths of c relative to folder.
func (c *Config) anchor(folder string) {
	paths := append(c.TLS.files(), &c.Admin.TokenFile, &c.Store.Path)
	for _, p := range c.Pools {
		if p.Process != nil {
			paths = append(paths, &p.Process.Dir, &p.Process.LogFile)
		}
	}
	for i := range c.Routes {
		if s := c.Routes[i].Static; s != nil {
			paths = append(paths, &s.Dir)
		}
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
}

// applyEnvironment sets the scalars that variables name. One variable after the
// other, so that a mistake can be told with its name. An empty variable is as
// good as none.
func applyEnvironment(c *Config, lookup lookupFunc) error {
	var errs []error
	for _, k := range configKeys(c, &PoolConfig{}, &RouteConfig{}) {
		value, ok := lookup(k.Env)
		if k.Env == "" || !ok || value == "" {
			continue
		}
		err := env.ParseWithOptions(c, env.Options{Prefix: envPrefix, Environment: map[string]string{k.Env: value}})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not %s", k.Env, value, typeInWords(k.Type)))
		}
	}
	return errors.Join(errs...)
}

// typeInWords says what a value of the type looks like.
func typeInWords(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration such as 30s or 5m"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Slice:
		return "a list"
	}
	return "a section with keys of its own"
}

// yamlMistakes rewrites the decoder's error, which names Go types, in the words
// of the file.
func yamlMistakes(file string, err error) error {
	typeErr, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var errs []error
	for _, text := range typeErr.Errors {
		errs = append(errs, fmt.Errorf("%s: %s", file, yamlMistake(text)))
	}
	return errors.Join(errs...)
}
