package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What an ALB does, written down once more as plainly as possible: straight from
// the JSON, with regular expressions made of the patterns, and nothing of
// package route. The tests hold the imported configuration against it.

// albRequest is a request as rules see it.
type albRequest struct {
	method, scheme, host, path, query, source string
	header                                    [][2]string
}

func (r albRequest) String() string {
	return fmt.Sprintf("%s %s://%s%s?%s %v from %s", r.method, r.scheme, r.host, r.path, r.query, r.header, r.source)
}

type object = map[string]any

// albDecide returns the priority of the rule that takes the request, and its action.
func albDecide(rules []object, r albRequest) (priority, action string) {
	slices.SortFunc(rules, func(a, b object) int { return albOrder(a) - albOrder(b) })
	for _, rule := range rules {
		all := true
		for _, c := range members(rule["Conditions"]) {
			all = all && albHolds(c, r)
		}
		if all {
			return text(rule["Priority"]), albAction(members(rule["Actions"]), r)
		}
	}
	return "", ""
}

func albOrder(rule object) int {
	n, err := strconv.Atoi(text(rule["Priority"]))
	if err != nil {
		return 1 << 20
	}
	return n
}

func albHolds(c object, r albRequest) bool {
	anyOf := func(config string, holds func(pattern string, isRegex bool) bool) bool {
		inner, _ := c[config].(object)
		for _, from := range []object{c, inner} {
			for _, v := range texts(from["Values"]) {
				if holds(v, false) {
					return true
				}
			}
			for _, v := range texts(from["RegexValues"]) {
				if holds(v, true) {
					return true
				}
			}
		}
		return false
	}
	switch text(c["Field"]) {
	case "path-pattern":
		return anyOf("PathPatternConfig", func(p string, isRegex bool) bool { return like(p, r.path, isRegex, "") })
	case "host-header":
		host, _, _ := strings.Cut(r.host, ":")
		return anyOf("HostHeaderConfig", func(p string, isRegex bool) bool { return like(p, host, isRegex, "(?i)") })
	case "http-request-method":
		return anyOf("HttpRequestMethodConfig", func(p string, _ bool) bool { return p == r.method })
	case "source-ip":
		return anyOf("SourceIpConfig", func(p string, _ bool) bool {
			return netip.MustParsePrefix(p).Contains(netip.MustParseAddr(r.source))
		})
	case "http-header":
		name := text(c["HttpHeaderConfig"].(object)["HttpHeaderName"])
		return anyOf("HttpHeaderConfig", func(p string, isRegex bool) bool {
			return slices.ContainsFunc(r.header, func(h [2]string) bool {
				return strings.EqualFold(h[0], name) && like(p, h[1], isRegex, "(?i)")
			})
		})
	default:
		for _, want := range members(c["QueryStringConfig"].(object)["Values"]) {
			for pair := range strings.SplitSeq(r.query, "&") {
				key, value, _ := strings.Cut(pair, "=")
				if r.query != "" && (text(want["Key"]) == "" || like(text(want["Key"]), key, false, "(?i)")) && like(text(want["Value"]), value, false, "(?i)") {
					return true
				}
			}
		}
		return false
	}
}

// like matches the whole text with a wildcard pattern, or any part with a regular
// expression.
func like(pattern, s string, isRegex bool, flags string) bool {
	if isRegex {
		return regexp.MustCompile(flags + pattern).MatchString(s)
	}
	p := regexp.QuoteMeta(pattern)
	p = strings.ReplaceAll(strings.ReplaceAll(p, `\*`, `.*`), `\?`, `.`)
	return regexp.MustCompile("(?s)" + flags + "^" + p + "$").MatchString(s)
}

// albAction says what the last of the actions does.
func albAction(actions []object, r albRequest) string {
	a := slices.MaxFunc(actions, func(a, b object) int { return int(number(a["Order"]) - number(b["Order"])) })
	switch text(a["Type"]) {
	case "forward":
		config, ok := a["ForwardConfig"].(object)
		if !ok {
			return "forward " + strings.Split(text(a["TargetGroupArn"]), "/")[1] + ":1"
		}
		said := "forward"
		for _, g := range members(config["TargetGroups"]) {
			weight := 1.0
			if w, ok := g["Weight"]; ok {
				weight = number(w)
			}
			said += fmt.Sprintf(" %s:%v", strings.Split(text(g["TargetGroupArn"]), "/")[1], weight)
		}
		return said
	case "redirect":
		c := a["RedirectConfig"].(object)
		return fmt.Sprintf("redirect %s %s", strings.TrimPrefix(text(c["StatusCode"]), "HTTP_"), albLocation(c, r))
	default:
		c := a["FixedResponseConfig"].(object)
		return fmt.Sprintf("fixed %s %s %s", text(c["StatusCode"]), text(c["ContentType"]), text(c["MessageBody"]))
	}
}

// albLocation fills in the keywords. Default ports are left out, which an ALB does
// not do.
func albLocation(c object, r albRequest) string {
	host, port, _ := strings.Cut(r.host, ":")
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[r.scheme]
	}
	part := func(name, otherwise string) string {
		s, ok := c[name].(string)
		if !ok {
			s = otherwise
		}
		return strings.NewReplacer("#{protocol}", r.scheme, "#{host}", host, "#{port}", port,
			"#{path}", strings.TrimPrefix(r.path, "/"), "#{query}", r.query).Replace(s)
	}
	location := strings.ToLower(part("Protocol", "#{protocol}")) + "://" + part("Host", "#{host}") + ":" + part("Port", "#{port}")
	for scheme, usual := range map[string]string{"http": ":80", "https": ":443"} {
		if strings.HasPrefix(location, scheme+"://") {
			location = strings.TrimSuffix(location, usual)
		}
	}
	location += part("Path", "/#{path}")
	if q := part("Query", "#{query}"); q != "" {
		location += "?" + q
	}
	return location
}

func members(v any) []object {
	list, _ := v.([]any)
	var all []object
	for _, m := range list {
		all = append(all, m.(object))
	}
	return all
}

func texts(v any) []string {
	list, _ := v.([]any)
	var all []string
	for _, m := range list {
		all = append(all, m.(string))
	}
	return all
}

func text(v any) string { s, _ := v.(string); return s }

func number(v any) float64 { n, _ := v.(float64); return n }

// parsed is v as its JSON text reads.
func parsed(v any) (raw []byte, read object) {
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &read)
	}
	if err != nil {
		panic(err)
	}
	return raw, read
}
