package dynamo

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is an item of a table: its attributes by name.
type item = map[string]types.AttributeValue

// expression collects the parts of a conditional write. All names and values
// are placeholders: "status" and "ttl" are reserved words.
type expression struct {
	names      map[string]string
	aliases    map[string]string
	values     item
	conditions []string
	sets       []string
	removes    []string
}

// name returns the placeholder of an attribute.
func (e *expression) name(attribute string) string {
	if alias, ok := e.aliases[attribute]; ok {
		return alias
	}
	if e.names == nil {
		e.names, e.aliases = map[string]string{}, map[string]string{}
	}
	alias := "#n" + strconv.Itoa(len(e.names))
	e.names[alias], e.aliases[attribute] = attribute, alias
	return alias
}

// value returns a placeholder for v.
func (e *expression) value(v types.AttributeValue) string {
	if e.values == nil {
		e.values = item{}
	}
	name := ":v" + strconv.Itoa(len(e.values))
	e.values[name] = v
	return name
}

// require adds a condition.
func (e *expression) require(condition string) { e.conditions = append(e.conditions, condition) }

func (e *expression) requireExists(attribute string) {
	e.require("attribute_exists(" + e.name(attribute) + ")")
}

func (e *expression) requireMissing(attribute string) {
	e.require("attribute_not_exists(" + e.name(attribute) + ")")
}

// requireAt adds the condition that an attribute has the value v, or is missing if v is nil.
func (e *expression) requireAt(attribute string, v types.AttributeValue) {
	if v == nil {
		e.requireMissing(attribute)
		return
	}
	e.require(e.name(attribute) + " = " + e.value(v))
}

// requireBetween adds the condition that a number is in a range, its ends included.
func (e *expression) requireBetween(attribute string, low, high int64) {
	e.require(e.name(attribute) + " BETWEEN " + e.value(number(low)) + " AND " + e.value(number(high)))
}

// requireAtMost adds the condition that a number is missing or not above high.
func (e *expression) requireAtMost(attribute string, high int64) {
	n := e.name(attribute)
	e.require("(attribute_not_exists(" + n + ") OR " + n + " <= " + e.value(number(high)) + ")")
}

// oneOf returns the condition that an attribute has one of some texts.
func (e *expression) oneOf(attribute string, texts []string) string {
	values := make([]string, len(texts))
	for i, t := range texts {
		values[i] = e.value(text(t))
	}
	return e.name(attribute) + " IN (" + strings.Join(values, ", ") + ")"
}

// set has an attribute set to v, or removed if v is nil.
func (e *expression) set(attribute string, v types.AttributeValue) {
	if v == nil {
		e.removes = append(e.removes, e.name(attribute))
		return
	}
	e.sets = append(e.sets, e.name(attribute)+" = "+e.value(v))
}

// increment adds one to a number.
func (e *expression) increment(attribute string) {
	n := e.name(attribute)
	e.sets = append(e.sets, n+" = "+n+" + "+e.value(number(1)))
}

func (e *expression) condition() *string {
	return optional(strings.Join(e.conditions, " AND "))
}

func (e *expression) update() *string {
	var parts []string
	if len(e.sets) > 0 {
		parts = append(parts, "SET "+strings.Join(e.sets, ", "))
	}
	if len(e.removes) > 0 {
		parts = append(parts, "REMOVE "+strings.Join(e.removes, ", "))
	}
	return optional(strings.Join(parts, " "))
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
