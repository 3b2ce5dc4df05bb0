package main

import (
	"reflect"
	"strings"
	"time"
)

// configKey is one key of the configuration, as its struct tags describe it.
type configKey struct {
	// Path is the key's path in the file: "admin.listen", "pools.NAME.port".
	Path string
	// Env is the environment variable's name; empty if there is none.
	Env    string
	Doc    string
	Type   reflect.Type
	Secret bool
	// Value is the key's value in the configuration that was walked.
	Value reflect.Value
	// Optional tells that a zero value is as good as none.
	Optional bool
	// Below is the path of the keys that stand below this one: "admin",
	// "pools.NAME", "routes[]"; empty if it has a value of its own.
	Below string
}

// parent is the path of the section that the key stands in; see Below.
func (k *configKey) parent() string {
	return k.Path[:max(strings.LastIndexByte(k.Path, '.'), 0)]
}

// name is the key as it stands in its section.
func (k *configKey) name() string {
	return k.Path[strings.LastIndexByte(k.Path, '.')+1:]
}

// configKeys lists the keys of c in the order of the file. Pools and routes
// appear once, as pools.NAME and routes[], with the values of pool and rule.
func configKeys(c *Config, pool *PoolConfig, rule *RouteConfig) []configKey {
	w := keyWalker{elements: map[reflect.Type]reflect.Value{
		reflect.TypeFor[map[string]*PoolConfig]():     reflect.ValueOf(pool).Elem(),
		reflect.TypeFor[[]RouteConfig]():              reflect.ValueOf(rule).Elem(),
		reflect.TypeFor[map[string]*UpstreamConfig](): reflect.ValueOf(defaultUpstream()).Elem(),
	}}
	w.walk(reflect.ValueOf(c).Elem(), "", envPrefix)
	return w.keys
}

type keyWalker struct {
	keys     []configKey
	elements map[reflect.Type]reflect.Value
}

func (w *keyWalker) walk(v reflect.Value, path, prefix string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		k := configKey{
			Path: path + yamlName(f), Doc: f.Tag.Get("doc"), Type: f.Type, Value: v.Field(i),
			Secret: f.Tag.Get("secret") == "true", Optional: strings.HasSuffix(f.Tag.Get("yaml"), ",omitempty"),
		}
		if name := f.Tag.Get("env"); name != "" {
			k.Env = prefix + name
		}
		section, suffix, ok := w.section(v.Field(i))
		if ok {
			k.Below = k.Path + suffix
		}
		w.keys = append(w.keys, k)
		if ok {
			w.walk(section, k.Below+".", prefix+f.Tag.Get("envPrefix"))
		}
	}
}

// section returns the struct that holds the keys below v, and what stands
// between the paths of the two.
func (w *keyWalker) section(v reflect.Value) (section reflect.Value, suffix string, ok bool) {
	t := v.Type()
	switch {
	case t.Kind() == reflect.Struct:
		return v, "", true
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		if v.IsNil() {
			v = reflect.New(t.Elem())
		}
		return v.Elem(), "", true
	case t.Kind() == reflect.Map && w.elements[t].IsValid():
		return w.elements[t], ".NAME", true
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		if e := w.elements[t]; e.IsValid() {
			return e, "[]", true
		}
		return reflect.New(t.Elem()).Elem(), "[]", true
	}
	return reflect.Value{}, "", false
}

func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// durationText writes d without its trailing zero units: "30m", not "30m0s".
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
