package albimport

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/webordinary/warmgate/proxy/route"
)

// What attributes belong to, as their keys tell.
const (
	ofListener = "listener"
	ofGroup    = "target group"
	ofBalancer = "load balancer"
)

// kind tells what the attributes belong to.
func (a *attributesDocument) kind() string {
	for key := range a.values {
		switch {
		case strings.HasPrefix(key, "routing.http.response.") || strings.HasPrefix(key, "routing.http.request."):
			return ofListener
		case strings.HasPrefix(key, "deregistration_delay.") || strings.HasPrefix(key, "stickiness.") ||
			strings.HasPrefix(key, "lambda.") || strings.HasPrefix(key, "target_group_health."):
			return ofGroup
		}
	}
	return ofBalancer
}

// responseHeader maps a listener's attribute to the header whose value it is.
var responseHeader = map[string]string{
	"routing.http.response.strict_transport_security.header_value":        "Strict-Transport-Security",
	"routing.http.response.access_control_allow_origin.header_value":      "Access-Control-Allow-Origin",
	"routing.http.response.access_control_allow_methods.header_value":     "Access-Control-Allow-Methods",
	"routing.http.response.access_control_allow_headers.header_value":     "Access-Control-Allow-Headers",
	"routing.http.response.access_control_allow_credentials.header_value": "Access-Control-Allow-Credentials",
	"routing.http.response.access_control_expose_headers.header_value":    "Access-Control-Expose-Headers",
	"routing.http.response.access_control_max_age.header_value":           "Access-Control-Max-Age",
	"routing.http.response.content_security_policy.header_value":          "Content-Security-Policy",
	"routing.http.response.x_content_type_options.header_value":           "X-Content-Type-Options",
	"routing.http.response.x_frame_options.header_value":                  "X-Frame-Options",
}

// balancerDefaults are attributes that have no counterpart, with the values that
// need none.
var balancerDefaults = map[string]string{
	"routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
	"client_keep_alive.seconds":                                "3600",
	"access_logs.s3.enabled":                                   "false",
	"connection_logs.s3.enabled":                               "false",
	"waf.fail_open.enabled":                                    "false",
	"routing.http.desync_mitigation_mode":                      "defensive",
	"routing.http2.enabled":                                    "true",
}

// attributes carries over what the listener and the load balancer have set.
func (c *converter) attributes() error {
	listener, err := c.attributesOf(ofListener, []string{strconv.Itoa(c.result.Listener.Port)}, len(c.documents.candidates()))
	if err != nil {
		return err
	}
	c.responseHeaders(listener)
	balancer, err := c.attributesOf(ofBalancer, []string{c.result.Listener.LoadBalancer}, len(c.documents.balancers.items))
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(balancer)) {
		if usual, ok := balancerDefaults[key]; ok && balancer[key] != usual {
			c.note(ofBalancer, "the attribute %s = %s is not carried over", key, balancer[key])
		}
	}
	if n, err := strconv.Atoi(balancer["idle_timeout.timeout_seconds"]); err == nil {
		c.result.ResponseTimeout = seconds(n)
	}
	c.forwarded(balancer)
	return nil
}

// forwarded carries over what becomes of X-Forwarded-For.
func (c *converter) forwarded(balancer map[string]string) {
	f := &c.result.Forwarded
	f.ClientPort = balancer["routing.http.xff_client_port.enabled"] == "true"
	if mode := balancer["routing.http.xff_header_processing.mode"]; mode != "append" {
		f.Mode = mode
	}
	if f.Mode == "preserve" {
		c.note(ofBalancer, "X-Forwarded-For is preserved from trusted_proxies only; a stranger's is dropped")
	}
}

// attributesOf merges the documents of the kind that are about the thing with one of the names,
// of as many as are known.
func (c *converter) attributesOf(kind string, names []string, known int) (map[string]string, error) {
	merged := map[string]string{}
	for _, a := range c.documents.attributes {
		if a.kind() != kind {
			continue
		}
		if a.label == "" && known > 1 {
			return nil, fmt.Errorf("%s: does not say which %s these attributes are of; say it: NAME=%s (a listener's name is its port)",
				a.file, kind, a.file)
		}
		if a.label == "" || slices.Contains(names, a.label) {
			maps.Copy(merged, a.values)
		}
	}
	return merged, nil
}

// responseHeaders gives the listener's headers to every rule.
func (c *converter) responseHeaders(attributes map[string]string) {
	set := map[string]string{}
	var remove []string
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[key]
		switch header, ok := responseHeader[key]; {
		case value == "":
		case ok:
			set[header] = value
		case key == "routing.http.response.server.enabled":
			if value == "false" {
				remove = []string{"Server"}
			}
		case strings.HasPrefix(key, "routing.http.") && !usualName(key, value):
			c.note(ofListener, "the attribute %s = %s is not carried over", key, value)
		}
	}
	for i := range c.result.Rules {
		r := &c.result.Rules[i]
		if len(set) > 0 {
			r.ResponseHeaders.Set = maps.Clone(set)
		}
		r.ResponseHeaders.Remove = slices.Clone(remove)
	}
}

// usualName reports whether the attribute gives a header its usual name, as in
// routing.http.request.x_amzn_tls_version.header_name = X-Amzn-Tls-Version.
func usualName(key, value string) bool {
	name, found := strings.CutSuffix(strings.TrimPrefix(key, "routing.http.request."), ".header_name")
	return found && strings.EqualFold(strings.ReplaceAll(name, "_", "-"), value)
}

// groupAttributes carries over what the target group has set.
func (c *converter) groupAttributes(u *Upstream, g *groupShape) error {
	a, err := c.attributesOf(ofGroup, []string{g.TargetGroupName}, len(c.documents.groups.items))
	if err != nil {
		return err
	}
	about := "target group " + u.Name
	switch algorithm := a["load_balancing.algorithm.type"]; algorithm {
	case "", "round_robin":
		u.Algorithm = route.RoundRobin
	case "least_outstanding_requests":
		u.Algorithm = route.LeastOutstanding
	default:
		u.Algorithm = route.RoundRobin
		c.note(about, "the algorithm %s is not carried over: targets are taken in turn", algorithm)
	}
	if n, err := strconv.Atoi(a["deregistration_delay.timeout_seconds"]); err == nil {
		u.DrainTimeout = seconds(n)
	}
	if a["stickiness.enabled"] == "true" {
		c.note(about, "the stickiness to a target (%s) is not carried over; a session rule keeps a session on its task", a["stickiness.type"])
	}
	if v := a["slow_start.duration_seconds"]; v != "" && v != "0" {
		c.note(about, "the slow start of %s s is not carried over", v)
	}
	return nil
}
