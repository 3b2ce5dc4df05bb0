package main

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// merge returns now with what next has in the keys that a reload takes over, and
// which keys differ. Neither is changed; the result shares their lists and maps.
func merge(now, next *Config) (effective *Config, report reloadReport) {
	merged := *now
	report.Changed, report.NeedsRestart = []string{}, []string{}
	eachValue(reflect.ValueOf(&merged).Elem(), reflect.ValueOf(next).Elem(), "", false,
		func(path string, reloads bool, mine, theirs reflect.Value) {
			switch {
			case reflect.DeepEqual(mine.Interface(), theirs.Interface()):
			case reloads:
				report.Changed = append(report.Changed, path)
				mine.Set(theirs)
			default:
				report.NeedsRestart = append(report.NeedsRestart, changedEntries(path, mine, theirs)...)
			}
		})
	return &merged, report
}

// eachValue calls f with the values of every key of the sections a and b, and
// whether a reload takes it over.
func eachValue(a, b reflect.Value, prefix string, reloads bool, f func(path string, reloads bool, a, b reflect.Value)) {
	for i := range a.NumField() {
		field := a.Type().Field(i)
		path, reloads := prefix+yamlName(field), reloads || field.Tag.Get("reload") == "true"
		if field.Type.Kind() == reflect.Struct {
			eachValue(a.Field(i), b.Field(i), path+".", reloads, f)
		} else {
			f(path, reloads, a.Field(i), b.Field(i))
		}
	}
}

// changedEntries names the entries of two maps that differ; the key itself if they
// are none.
func changedEntries(path string, a, b reflect.Value) []string {
	if a.Kind() != reflect.Map {
		return []string{path}
	}
	differ := map[string]bool{}
	for _, from := range []struct{ m, other reflect.Value }{{a, b}, {b, a}} {
		for _, key := range from.m.MapKeys() {
			other := from.other.MapIndex(key)
			if !other.IsValid() || !reflect.DeepEqual(from.m.MapIndex(key).Interface(), other.Interface()) {
				differ[path+"."+key.String()] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(differ), cmp.Compare)
}
