package main

import (
	"reflect"
	"regexp"
	"strings"
	"time"
)

var durationType = reflect.TypeFor[time.Duration]()

var (
	unknownKey = regexp.MustCompile(`^(line \d+): field (\S+) not found in type main\.(\S+)$`)
	wrongType  = regexp.MustCompile("^(line \\d+): cannot unmarshal \\S+ ?(`.*`)? ?into (\\S+)$")
)

// yamlMistake rewrites one message of the YAML decoder.
func yamlMistake(text string) string {
	if m := unknownKey.FindStringSubmatch(text); m != nil {
		return m[1] + ": " + unknownKeyText(m[2], m[3])
	}
	if m := wrongType.FindStringSubmatch(text); m != nil {
		got := "this"
		if m[2] != "" {
			got = strings.ReplaceAll(m[2], "`", `"`)
		}
		return m[1] + ": " + got + " is not " + goTypeInWords(m[3])
	}
	return text
}

// unknownKeyText says where the key stands and which one may have been meant.
func unknownKeyText(key, goType string) string {
	text := "unknown key \"" + key + "\""
	section, names := sectionOf(goType)
	if section != "" {
		text += " in " + section
	}
	if near := nearest(key, names); near != "" {
		text += "; did you mean \"" + near + "\"?"
	}
	return text
}

// sectionOf returns the path of the section that a Go type stands for, and the
// keys it knows. Types that occur in several places stand for the first.
func sectionOf(goType string) (path string, names []string) {
	t := reflect.TypeFor[Config]()
	for _, k := range configKeys(&Config{}, &PoolConfig{}, &RouteConfig{}) {
		if e := element(k.Type); k.Below != "" && path == "" && e.Name() == goType {
			path, t = k.Below, e
		}
	}
	for f := range t.Fields() {
		names = append(names, yamlName(f))
	}
	return path, names
}

// element returns the type inside of pointers, lists and maps.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

// goTypeInWords is typeInWords for a type's name.
func goTypeInWords(name string) string {
	for _, k := range configKeys(&Config{}, &PoolConfig{}, &RouteConfig{}) {
		if k.Type.String() == name {
			return typeInWords(k.Type)
		}
	}
	return "what belongs here"
}

// nearest returns the name that differs from key in the fewest letters, "" if
// none is near.
func nearest(key string, names []string) string {
	best, near := 3, ""
	for _, name := range names {
		if d := distance(key, name); d < best {
			best, near = d, name
		}
	}
	return near
}

// distance counts the letters to add, drop or replace between a and b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
