package albimport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Documents is what was read so far. The zero value is empty and ready.
type Documents struct {
	rules     []ruleDocument
	listeners list[listenerShape]
	balancers list[balancerShape]
	groups    list[groupShape]
	health    []healthDocument
	// attributes of listeners, target groups and load balancers look alike: their
	// keys tell which they are.
	attributes []attributesDocument
}

type ruleDocument struct {
	ruleShape
	raw json.RawMessage
	// listener is its key, as the rule's ARN tells it; "" if it does not.
	listener string
	file     string
}

type healthDocument struct {
	file, label string
	targets     []healthShape
}

type attributesDocument struct {
	file, label string
	values      map[string]string
}

// The kinds of documents, by the member that holds their list.
const (
	memberRules      = "Rules"
	memberListeners  = "Listeners"
	memberBalancers  = "LoadBalancers"
	memberGroups     = "TargetGroups"
	memberHealth     = "TargetHealthDescriptions"
	memberAttributes = "Attributes"
)

// Read takes the JSON text of a file, which may be several documents one after the
// other. label says what the targets' health or the attributes in it belong to:
// a target group's or load balancer's name, or a listener's port; it may be ""
// where only one is known, and is of no matter to other documents. Errors begin
// with the file's name.
func (d *Documents) Read(file, label string, text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	for n := 0; ; n++ {
		var members map[string]json.RawMessage
		err := decoder.Decode(&members)
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%s: is empty", file)
		case err != nil:
			return fmt.Errorf("%s: %s", file, jsonMistake(text, decoder.InputOffset(), err))
		}
		if err := d.add(file, label, members); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
}

// add takes one document.
func (d *Documents) add(file, label string, members map[string]json.RawMessage) error {
	for _, more := range []string{"NextMarker", "NextToken"} {
		if token := members[more]; len(token) > 0 && string(token) != "null" && string(token) != `""` {
			return fmt.Errorf("is one page of several (%s): ask for all of them, without --max-items and --no-paginate", more)
		}
	}
	known := false
	for _, member := range slices.Sorted(maps.Keys(members)) {
		text, ok := members[member], true
		var err error
		switch member {
		case memberRules:
			err = d.addRules(file, text)
		case memberListeners:
			err = d.listeners.add(text, func(l *listenerShape) string { return l.ListenerArn })
		case memberBalancers:
			err = d.balancers.add(text, func(b *balancerShape) string { return b.LoadBalancerArn })
		case memberGroups:
			err = d.groups.add(text, func(g *groupShape) string { return g.TargetGroupArn })
		case memberHealth:
			health := healthDocument{file: file, label: label}
			err = json.Unmarshal(text, &health.targets)
			d.health = append(d.health, health)
		case memberAttributes:
			err = d.addAttributes(file, label, text)
		default:
			ok = false // ResponseMetadata, for example
		}
		if err != nil {
			return fmt.Errorf("%s: %s", member, inWords(err))
		}
		known = known || ok
	}
	if !known {
		return fmt.Errorf("is not what describe-rules, describe-listeners, describe-target-groups, describe-target-health, "+
			"describe-load-balancers or a describe-…-attributes of aws elbv2 prints; its members: %s",
			strings.Join(slices.Sorted(maps.Keys(members)), ", "))
	}
	return nil
}

func (d *Documents) addRules(file string, text json.RawMessage) error {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	for _, raw := range list {
		r := ruleDocument{file: file, raw: compact(raw)}
		if err := json.Unmarshal(raw, &r.ruleShape); err != nil {
			return err
		}
		r.listener = listenerOf(r.RuleArn)
		known, err := d.knows(&r)
		if err != nil {
			return err
		}
		if !known {
			d.rules = append(d.rules, r)
		}
	}
	return nil
}

// knows reports whether the very rule was read before; an error if its ARN is that
// of another one. An ARN that was shortened for an example is no name.
func (d *Documents) knows(r *ruleDocument) (bool, error) {
	for i := range d.rules {
		other := &d.rules[i]
		switch {
		case other.RuleArn != r.RuleArn:
		case bytes.Equal(other.raw, r.raw):
			return true, nil
		case r.listener != "":
			return false, fmt.Errorf("%s is in %s, too, and differs", r.RuleArn, other.file)
		}
	}
	return false, nil
}

func (d *Documents) addAttributes(file, label string, text json.RawMessage) error {
	var list []attributeShape
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	values := map[string]string{}
	for _, a := range list {
		values[a.Key] = a.Value
	}
	d.attributes = append(d.attributes, attributesDocument{file: file, label: label, values: values})
	return nil
}

// list is a list of things that have an ARN; the same one may be given twice.
type list[T any] struct {
	items []T
	raw   []json.RawMessage
}

func (l *list[T]) add(text json.RawMessage, arn func(*T) string) error {
	var more []json.RawMessage
	if err := json.Unmarshal(text, &more); err != nil {
		return err
	}
	for _, raw := range more {
		var item T
		if err := json.Unmarshal(raw, &item); err != nil {
			return err
		}
		raw = compact(raw)
		name := arn(&item)
		i := slices.IndexFunc(l.items, func(o T) bool { return name != "" && arn(&o) == name })
		switch {
		case i < 0:
			l.items, l.raw = append(l.items, item), append(l.raw, raw)
		case !bytes.Equal(l.raw[i], raw):
			return fmt.Errorf("%s is there twice, and differs", name)
		}
	}
	return nil
}

// compact removes the spaces between the tokens of a valid JSON text.
func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	_ = json.Compact(&b, raw) // it has been decoded before
	return b.Bytes()
}
