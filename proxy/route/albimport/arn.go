package albimport

import "strings"

// listenerOf returns the key of the listener that a rule's ARN names
// (…:listener-rule/app/NAME/ID/ID/ID); "" if it is no such ARN.
func listenerOf(rule string) string {
	_, path, found := strings.Cut(rule, ":listener-rule/")
	end := strings.LastIndexByte(path, '/')
	if !found || end < 0 {
		return ""
	}
	return path[:end]
}

// listenerKey is what a listener's ARN has behind its type, app/NAME/ID/ID; the
// whole text if it is no such ARN.
func listenerKey(arn string) string {
	if _, path, found := strings.Cut(arn, ":listener/"); found {
		return path
	}
	return arn
}

// nameIn returns the name that stands behind the resource type in an ARN:
// …:targetgroup/NAME/ID, …:loadbalancer/app/NAME/ID, …:listener/app/NAME/ID/ID. ""
// if there is none.
func nameIn(arn, resource string) string {
	_, path, found := strings.Cut(arn, ":"+resource+"/")
	if !found {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "app/"), "/")
	return name
}
