package albimport

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// candidate is a listener that the documents tell of.
type candidate struct {
	key   string
	shape *listenerShape // nil if only its rules are known
	rules []ruleDocument
}

func (c *candidate) listener(d *Documents) Listener {
	l := Listener{ARN: c.key}
	if s := c.shape; s != nil {
		l = Listener{ARN: s.ListenerArn, Protocol: s.Protocol, Port: s.Port}
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(c.key, "app/"), "/")
	for _, b := range d.balancers.items {
		if c.shape != nil && b.LoadBalancerArn == c.shape.LoadBalancerArn {
			name = b.LoadBalancerName
		}
	}
	if strings.HasPrefix(c.key, "app/") {
		l.LoadBalancer = name
	}
	return l
}

// describe is a line about the listener, to choose by.
func (c *candidate) describe() string {
	if c.shape == nil {
		return fmt.Sprintf("%s, with %d rules", c.key, len(c.rules))
	}
	return fmt.Sprintf("%s (%s %d), with %d rules", c.shape.ListenerArn, c.shape.Protocol, c.shape.Port, len(c.rules))
}

// onlyToHTTPS reports whether all that the listener does is a redirect to HTTPS.
func (c *candidate) onlyToHTTPS() bool {
	if c.shape == nil || c.shape.Protocol != "HTTP" || slices.ContainsFunc(c.rules, func(r ruleDocument) bool { return !r.IsDefault }) {
		return false
	}
	actions := c.shape.DefaultActions
	if len(actions) != 1 {
		return false
	}
	var a actionShape
	return json.Unmarshal(actions[0], &a) == nil && a.RedirectConfig != nil && a.RedirectConfig.Protocol == "HTTPS"
}

// candidates are all listeners, in the order of their keys.
func (d *Documents) candidates() []*candidate {
	byKey := map[string]*candidate{}
	get := func(key string) *candidate {
		if byKey[key] == nil {
			byKey[key] = &candidate{key: key}
		}
		return byKey[key]
	}
	for i := range d.listeners.items {
		l := &d.listeners.items[i]
		get(listenerKey(l.ListenerArn)).shape = l
	}
	for _, r := range d.rules {
		key := r.listener
		if key == "" {
			key = d.listenerOfFile(r.file)
		}
		c := get(key)
		c.rules = append(c.rules, r)
	}
	var list []*candidate
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		list = append(list, byKey[key])
	}
	return list
}

// listenerOfFile is the only listener that other rules in the file name, or the
// only one that is known at all; "" if there is none.
func (d *Documents) listenerOfFile(file string) string {
	inFile, all := map[string]bool{}, map[string]bool{}
	for _, r := range d.rules {
		if r.listener != "" {
			all[r.listener] = true
			inFile[r.listener] = inFile[r.listener] || r.file == file
		}
	}
	maps.DeleteFunc(inFile, func(_ string, here bool) bool { return !here })
	for _, l := range d.listeners.items {
		all[listenerKey(l.ListenerArn)] = true
	}
	for _, known := range []map[string]bool{inFile, all} {
		if len(known) == 1 {
			for key := range known {
				return key
			}
		}
	}
	return ""
}

// choose returns the listener that want names (by its ARN, a part of its end, or
// its port), or the only one to come into question. others are those that were left out because they
// only redirect to HTTPS.
func (d *Documents) choose(want string) (chosen *candidate, others []*candidate, err error) {
	all := d.candidates()
	if len(all) == 0 {
		return nil, nil, fmt.Errorf("there are no rules: give the output of aws elbv2 describe-rules --listener-arn ARN")
	}
	fits, problem := all, "there are several listeners"
	switch {
	case want != "":
		problem = fmt.Sprintf("%q does not name one listener", want)
		fits = slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return !c.named(want) })
	case len(all) > 1:
		fits = slices.DeleteFunc(slices.Clone(all), (*candidate).onlyToHTTPS)
		others = slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return !c.onlyToHTTPS() })
	}
	if len(fits) == 1 {
		return fits[0], others, nil
	}
	var lines []string
	for _, c := range all {
		lines = append(lines, c.describe())
	}
	return nil, nil, fmt.Errorf("%s; choose one with --listener:\n  %s", problem, strings.Join(lines, "\n  "))
}

func (c *candidate) named(want string) bool {
	if c.shape != nil && strconv.Itoa(c.shape.Port) == want {
		return true
	}
	key := listenerKey(want)
	return c.key == key || strings.HasSuffix(c.key, "/"+key)
}
